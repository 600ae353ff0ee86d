"""Fixtures that several test files share."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.accounts_cast import certificate_in
from tests.browser import Watched, chromium
from tests.stations import Phone, Station, running

# In the background of a shell Ctrl-C is ignored, and all that is started there ignores it as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """A station of its own, with the owner alice."""
    with running(tmp_path / "station") as running_station:
        yield running_station


@pytest.fixture(scope="module")
def shared_station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """One station for a whole test file; tests must not depend on each other's traces."""
    with running(tmp_path_factory.mktemp("shared") / "station") as running_station:
        yield running_station


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    """A phone that no station knows yet."""
    return Phone(tmp_path / "phone")


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    """A folder of chat exports that the test may change."""
    folder = tmp_path / "chats"
    shutil.copytree(SAMPLES, folder)
    return folder


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, in PEM files."""
    return certificate_in(tmp_path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a whole test file."""
    with chromium() as running_browser:
        yield running_browser


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """Pages of it whose complaints fail the test."""
    watched = Watched(browser)
    yield watched
    watched.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that may use the database may use both: what is derived lies in one of its own."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker is not None or {"db", "transactional_db"} & set(
            getattr(item, "fixturenames", ())
        ):
            given = marker.kwargs if marker is not None else {}
            both = pytest.mark.django_db(**{"databases": "__all__", **given})
            item.add_marker(both, append=False)
