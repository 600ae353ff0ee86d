"""Which hosts and origins the station answers to."""

import asyncio

import pytest
import websockets
from websockets.exceptions import InvalidStatus

from backupstation.hosts import is_own_host, is_same_origin
from tests.page_cast import client
from tests.stations import Station


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8765", "192.168.1.9:8765", "[fd00::2]:8765", "LOCALHOST:8765"],
)
def test_answers_to_addresses_and_localhost(host: str) -> None:
    assert is_own_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8765",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "user@127.0.0.1",
        "127.0.0.1/evil.example",
        "127.0.0.1:99999",
        "127.0.0.1:x",
        "[::1",
        "[fe80::1%eth0;script-src *]:80",
        "127.0.0.1 evil",
        "1.2.3",
    ],
)
def test_refuses_other_names_and_malformed_ones(host: str) -> None:
    assert not is_own_host(host)


def test_answers_to_configured_names_whatever_their_case(settings) -> None:
    settings.STATION_ALLOWED_HOSTS = ["Station.Home"]
    assert is_own_host("station.home:8765")
    assert is_own_host("STATION.home.")
    assert not is_own_host("other.home")


@pytest.mark.django_db
def test_a_rebound_name_gets_no_page_and_no_cookie() -> None:
    refused = client("evil.example:8765").get("/healthz")
    assert refused.status_code == 400
    assert not refused.cookies
    assert b"STATION_ALLOWED_HOSTS" in refused.content
    assert client("192.168.7.7:8765").get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://127.0.0.1:8765", "127.0.0.1:8765", True),
        ("http://localhost", "localhost:80", True),
        ("https://station.home", "station.home", True),
        ("https://station.home:443", "station.home", True),
        ("http://[fd00::2]:8765", "[fd00::2]:8765", True),
        ("http://127.0.0.1:9999", "127.0.0.1:8765", False),
        ("http://evil.example:8765", "127.0.0.1:8765", False),
        ("http://127.0.0.1:8765.evil.example", "127.0.0.1:8765", False),
        ("null", "127.0.0.1:8765", False),
        ("", "127.0.0.1:8765", False),
        ("file://127.0.0.1:8765", "127.0.0.1:8765", False),
    ],
)
def test_an_origin_is_the_same_only_with_the_same_host_and_port(
    origin: str, host: str, same: bool
) -> None:
    assert is_same_origin(origin, host) is same


def _refused_with(station: Station, origin: str | None, host: str | None = None) -> int:
    async def connect() -> int:
        headers = {"Host": host} if host else {}
        try:
            async with websockets.connect(
                f"ws://127.0.0.1:{station.port}/live/", origin=origin, additional_headers=headers
            ):
                return 101
        except InvalidStatus as refusal:
            return refusal.response.status_code

    return asyncio.run(connect())


def test_the_live_socket_opens_for_pages_of_this_station_alone(shared_station: Station) -> None:
    port = shared_station.port
    assert _refused_with(shared_station, f"http://127.0.0.1:{port}") == 101
    assert _refused_with(shared_station, "http://evil.example") == 403
    assert _refused_with(shared_station, f"http://127.0.0.1:{port + 1}") == 403
    assert _refused_with(shared_station, None) == 403
