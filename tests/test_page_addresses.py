"""Which addresses a QR code may name, and in which order."""

import pytest

from backupstation.addresses import Kind, candidates, ordered, origin
from wire.invitation import _LOCAL_NETWORKS

FOUND = [
    ("lo", "127.0.0.1"),
    ("docker0", "172.17.0.1"),
    ("eth0", "fd00::2"),
    ("eth0", "fe80::1%eth0"),
    ("wlan0", "192.168.1.20"),
    ("eth0", "10.0.0.5"),
    ("eth1", "169.254.3.4"),
    ("ppp0", "203.0.113.9"),
    ("eth0", "2001:db8::1"),
    ("tailscale0", "100.64.1.1"),
    ("lo", "::1"),
]


def _texts(**options: str) -> list[str]:
    return [str(one.address) for one in ordered(FOUND, **options)]


def test_lan_ipv4_comes_first_and_bridges_and_loopback_last() -> None:
    assert _texts() == [
        "10.0.0.5",
        "192.168.1.20",
        "fd00::2",
        "169.254.3.4",
        "172.17.0.1",
        "127.0.0.1",
        "::1",
    ]


def test_the_default_route_goes_before_its_equals_only() -> None:
    assert _texts(preferred="192.168.1.20")[:2] == ["192.168.1.20", "10.0.0.5"]
    assert _texts(preferred="172.17.0.1")[0] == "10.0.0.5"


@pytest.mark.parametrize("public", ["203.0.113.9", "2001:db8::1", "100.64.1.1", "fe80::1"])
def test_public_and_unroutable_addresses_are_no_candidates(public: str) -> None:
    assert public not in _texts()


def test_a_server_bound_to_one_address_offers_that_alone() -> None:
    assert _texts(bound_to="192.168.1.20") == ["192.168.1.20"]
    assert _texts(bound_to="192.0.2.1") == []


def test_a_server_bound_to_ipv4_offers_no_ipv6() -> None:
    assert all(":" not in text for text in _texts(bound_to="0.0.0.0"))
    assert "fd00::2" in _texts(bound_to="::")


def test_this_machine_has_a_loopback_address_and_nothing_that_the_protocol_refuses() -> None:
    found = candidates("")
    assert any(one.kind is Kind.LOOPBACK for one in found)
    assert all(any(one.address in net for net in _LOCAL_NETWORKS) for one in found)


def test_an_origin_has_brackets_around_ipv6() -> None:
    by_text = {str(one.address): one.address for one in ordered(FOUND)}
    assert origin(by_text["10.0.0.5"], 8765) == "http://10.0.0.5:8765"
    assert origin(by_text["fd00::2"], 80) == "http://[fd00::2]:80"
