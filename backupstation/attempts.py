"""How often a password may be tried: counted per address and per user name, in a cache of its own.

Nothing that strangers can do without limit adds to that cache: a name is counted only for an
address that may still try, so that nobody pushes another's count out of it.
"""

import hashlib
from typing import Final

from django.core.cache import caches

from accounts.throttle import network

CACHE: Final = "attempts"
WINDOW_SECONDS: Final = 10 * 60
PER_ADDRESS_MAX: Final = 10
# Higher, so that one rude neighbour cannot lock the owner out from another address.
PER_NAME_MAX: Final = 50


def begin(address: str, name: str) -> bool:
    """Count one attempt before the password is looked at; False when there were too many."""
    if _count(_address_key(address)) > PER_ADDRESS_MAX:
        return False
    return _count(_name_key(name)) <= PER_NAME_MAX


def succeeded(address: str, name: str) -> None:
    """The attempt was no guess: take it back."""
    for key in (_address_key(address), _name_key(name)):
        try:
            caches[CACHE].decr(key)
        except ValueError:  # its time was over in between
            continue


def _count(key: str) -> int:
    cache = caches[CACHE]
    cache.add(key, 0, WINDOW_SECONDS)
    try:
        return int(cache.incr(key))
    except ValueError:  # dropped from a full cache in between
        return 1


def _address_key(address: str) -> str:
    return f"sign-in:address:{network(address)}"


def _name_key(name: str) -> str:
    digest = hashlib.sha256(name.casefold().encode()).hexdigest()
    return f"sign-in:name:{digest}"
