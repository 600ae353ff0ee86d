"""What a library function tells its caller while it works."""

from collections.abc import Callable

import msgspec


class OwnerAsked(msgspec.Struct, frozen=True):
    """The station's owner must press Allow; both screens show the same six digits."""

    reason: str
    digits: str
    seconds: int


class Enrolled(msgspec.Struct, frozen=True):
    """This phone now belongs to an account of the station called ``station``."""

    station: str


class Verified(msgspec.Struct, frozen=True):
    """Phone and station have verified each other; the transfer begins."""

    station: str
    address: str


class Interrupted(msgspec.Struct, frozen=True):
    """The connection was lost; it is tried again after ``seconds``."""

    why: str
    seconds: float


class Progress(msgspec.Struct, frozen=True):
    """How far a transfer is. ``done`` and ``total`` count bytes, ``moved`` those that travelled."""

    done: int
    total: int
    moved: int
    items: int
    items_total: int


Event = OwnerAsked | Enrolled | Verified | Interrupted | Progress
Tell = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Tell nobody."""
