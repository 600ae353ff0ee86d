"""How often one address may call the IM server, counted in the cache by the minute.

It keeps naive floods and guessing cheap to turn away. The limits are far above what a household
behind one address does; only guessing codes or keys comes near the lower one.
"""

from ipaddress import IPv6Address, ip_address
from typing import Final

from django.core.cache import cache

REQUESTS_PER_MINUTE: Final = 1200
REFUSALS_PER_MINUTE: Final = 60
_MINUTE_SECONDS: Final = 60
_IPV6_NETWORK_BITS: Final = 64


def is_flooding(address: str, now: int) -> bool:
    """Count one request from ``address``; whether it asked, or was refused, too often."""
    requests = _count(_key("requests", address, now))
    refusals: int = cache.get(_key("refusals", address, now), 0)
    return requests > REQUESTS_PER_MINUTE or refusals >= REFUSALS_PER_MINUTE


def note_refusal(address: str, now: int) -> None:
    """Count one refusal towards the lower limit."""
    _count(_key("refusals", address, now))


def _count(key: str) -> int:
    cache.add(key, 0, 2 * _MINUTE_SECONDS)
    try:
        return cache.incr(key)
    except ValueError:  # dropped from a full cache in between
        return 1


def _key(what: str, address: str, now: int) -> str:
    return f"im:{what}:{network(address)}:{now // _MINUTE_SECONDS}"


def network(address: str) -> str:
    """Return the address; of IPv6 its /64, in which one device may have any number of them."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(int(parsed) >> 128 - _IPV6_NETWORK_BITS)
    return str(parsed)
