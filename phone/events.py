"""What a library function tells its caller while it works."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OwnerAsked:
    """The station's owner must press Allow; both screens show the same six digits."""

    reason: str
    digits: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Enrolled:
    """This phone now belongs to an account of the station called ``station``."""

    station: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Phone and station have verified each other; the transfer begins."""

    station: str
    address: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The connection was lost; it is tried again after ``seconds``."""

    why: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
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
