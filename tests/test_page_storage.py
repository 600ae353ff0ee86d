"""The storage meter: what it says is what a backup would meet."""

import shutil

import pytest
from django.conf import settings
from django.utils import timezone

from backupstation import kept
from backupstation.page import Page
from tests.page_cast import alice
from transfer import room

pytestmark = pytest.mark.django_db


def _reserve(monkeypatch: pytest.MonkeyPatch, share_of_free: float) -> int:
    """Let backups leave this share of what is free now; the bytes."""
    disk = shutil.disk_usage(settings.STATION_DATA_DIR)
    monkeypatch.setattr(room, "RESERVE_BYTES_MAX", 2**62)
    monkeypatch.setattr(room, "RESERVE_SHARE", share_of_free * disk.free / disk.total)
    return int(share_of_free * disk.free)


def _meter() -> str:
    return Page(alice()).look(timezone.now())["storage"]


def test_with_room_there_is_a_plain_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    _reserve(monkeypatch, 0.001)
    monkeypatch.setattr(kept, "LOW_SHARE", 0)
    html = _meter()
    assert 'class="meter"' in html
    assert 'class="note' not in html


def test_before_backups_stop_the_page_says_at_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = _reserve(monkeypatch, 0.6)
    assert room.usable_bytes() > 0
    html = _meter()
    assert 'class="meter low"' in html
    assert f"backups stop when {reserve / 1e9:.1f}\N{NO-BREAK SPACE}GB are left" in html


def test_the_page_says_full_exactly_when_backups_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _reserve(monkeypatch, 1.01)
    assert room.usable_bytes() == 0
    html = _meter()
    assert 'class="meter full"' in html
    assert "backups are refused until there is room" in html
