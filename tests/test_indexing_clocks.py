"""Exports of one chat that have their times of different clocks."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from conversations import clocks, indexing, more, numbering
from conversations.models import Conversation, Message
from tests.kept_cast import keep, vault_of

pytestmark = pytest.mark.django_db(transaction=True)

ZONE = ZoneInfo("Europe/Istanbul")
SAID = datetime(2018, 1, 5, 12, 0, tzinfo=UTC)


def telegram(numbers: range, *, is_old: bool) -> str:
    """Messages of an hour each. Before 2021 an export told the time of the phone's clock alone."""
    said = []
    for number in numbers:
        at = SAID + timedelta(hours=number)
        local = at.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M:%S")
        each = {"id": number, "type": "message", "date": local, "edited": local}
        if not is_old:
            seconds = str(int(at.timestamp()))
            each |= {"date_unixtime": seconds, "edited_unixtime": seconds}
        said.append({**each, "from": "Ann", "from_id": "user7", "text": str(number)})
    return json.dumps({"name": "Ann", "type": "personal_chat", "id": 7, "messages": said})


EXPORTS = [
    telegram(range(1, 4), is_old=True),
    telegram(range(2, 6), is_old=False),
    telegram(range(3, 8), is_old=False),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_each_message_has_the_time_that_its_phone_showed(settings, order) -> None:
    settings.TIME_ZONE = ZONE.key
    vault = vault_of("alice")
    for at in order:
        snapshot = keep(vault, {"result.json": EXPORTS[at]}, created=at + 1)
        indexing.index(vault.pk, snapshot.snapshot_id)
    clock = Conversation.objects.get().clock
    rows = list(Message.objects.order_by("pk"))
    assert [row.text for row in rows] == [str(number) for number in range(1, 8)]
    for row in rows:
        expected = (SAID + timedelta(hours=int(row.text))).astimezone(ZONE).replace(tzinfo=None)
        assert clocks.shown(numbering.time_of(row.pk), clock, ZONE) == expected
        assert clocks.shown(more.decode(row.more).edited, clock, ZONE) == expected
