"""What a failure inside the station is to the phone: one of the protocol's errors, no more."""

import errno
import sqlite3
from collections.abc import Iterator
from typing import Final

from transfer.approvals import Denied
from transfer.vaults import AnotherAccount
from transfer.verification import Expired
from wire import messages
from wire.errors import StationFault, StorageFull, WireError
from wire.im import Refusal, Refused

_SENTENCE_CHARS_MAX: Final = 300
_ANOTHER_ACCOUNT: Final = "this code is for another account than this phone's"
_FULL_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_SQLITE: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
_FULL_POSTGRES: Final = "53100"  # disk_full


def as_told(cause: Exception) -> WireError:
    """The error for phone and trail; what failed in detail stands in the log alone."""
    if isinstance(cause, WireError):
        return cause
    if any(_is_full(each) for each in _chain(cause)):
        return StorageFull("no room left for the station's database")
    return StationFault("the station failed")


def failure(error: WireError) -> messages.Failure:
    """The message that tells the phone; it learns nothing about the owner's account."""
    sentence = _ANOTHER_ACCOUNT if isinstance(error, AnotherAccount) else str(error)
    return messages.Failure(error.code, sentence[:_SENTENCE_CHARS_MAX])


def detail_of(error: WireError) -> dict[str, object]:
    """What the code alone does not tell the owner, for the trail."""
    match error:
        case Refused(refusal=refusal):
            return {"cause": refusal.value}
        case Denied():
            return {"cause": "denied"}
        case AnotherAccount():
            return {"cause": "another_account"}
        case Expired():
            return {"cause": Refusal.INVITATION_EXPIRED.value}
    return {}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _is_full(error: BaseException) -> bool:
    return (
        getattr(error, "errno", None) in _FULL_ERRNOS
        or getattr(error, "sqlite_errorcode", None) in _FULL_SQLITE
        or getattr(error, "sqlstate", None) == _FULL_POSTGRES
    )
