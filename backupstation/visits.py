"""When another device last reached the station, for each address at which it was reached.

Nothing is kept of who it was; containers and virtual machines of this computer are no other device.
The server notes it as connections are accepted, in memory; a chore writes it down once a minute,
for the other commands and for the next start.
"""

import logging
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Final

import msgspec
from django.conf import settings

from backupstation import addresses

log = logging.getLogger(__name__)
_NAME: Final = "visits.json"
_ADDRESSES_MAX: Final = 64
_LOOK_SECONDS: Final = 60  # asking the system takes longer than a connection
_seen: Final[dict[str, int]] = {}
_inner: tuple[IPv4Network | IPv6Network, ...] = ()
_looked_at = -math.inf


def note(here: str, peer: str) -> None:
    """A connection from ``peer`` was accepted at ``here``, an address of this computer."""
    here, peer = _plain(here), _plain(peer)
    if peer == here or ip_address(peer).is_loopback or _is_inner(peer):
        return
    if here in _seen or len(_seen) < _ADDRESSES_MAX:
        _seen[here] = int(time.time())


def _is_inner(peer: str) -> bool:
    """Whether it comes from a container or a virtual machine of this very computer."""
    global _inner, _looked_at
    if time.monotonic() - _looked_at > _LOOK_SECONDS:
        _inner, _looked_at = addresses.inner_networks(), time.monotonic()
    return any(ip_address(peer) in network for network in _inner)


def _plain(address: str) -> str:
    """Without a zone, and IPv4 as IPv4 (RFC 4291 section 2.5.5.2)."""
    parsed = ip_address(address.partition("%")[0])
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def latest() -> Mapping[str, datetime]:
    """When the last one came, by address of this computer; what an hour ago was may be told."""
    known = _kept() | _seen
    return {here: datetime.fromtimestamp(at, UTC) for here, at in known.items()}


def keep() -> None:
    """Write down what is new; the file is replaced as a whole."""
    kept = _kept()
    known = kept | _seen
    if known == kept:
        return
    newest = sorted(known.items(), key=lambda one: one[1])[-_ADDRESSES_MAX:]
    temporary = _path().with_suffix(".new")
    try:
        temporary.write_bytes(msgspec.json.encode(dict(newest)))
        temporary.replace(_path())
    except OSError as error:  # a hint is not worth more than a line
        log.info("who came is not remembered: %s", error)


def _path() -> Path:
    return Path(settings.STATION_DATA_DIR) / _NAME


def _kept() -> dict[str, int]:
    try:
        return msgspec.json.decode(_path().read_bytes(), type=dict[str, int])
    except (OSError, msgspec.DecodeError):
        return {}
