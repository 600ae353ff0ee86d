"""Going on after a lost connection, with the invitation that the station gave for that.

Whoever has no such invitation, or waited in vain for too long, gets the error that cut it off.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from phone.errors import CutOff, PhoneError, Unreachable
from phone.events import Interrupted, Tell
from phone.link import Link
from phone.session import Session
from phone.state import Identity
from phone.verification import open_session
from wire import messages
from wire.errors import Busy, TimedOut, TooMany, VerificationFailed, WireError
from wire.im import Refusal, Refused

PATIENCE_SECONDS: Final = 120.0
RESUMES_MAX: Final = 100
_FIRST_DELAY_SECONDS: Final = 0.5
_LONGEST_DELAY_SECONDS: Final = 10.0
_T = TypeVar("_T")


def with_sessions(
    link: Link,
    scope: messages.Scope,
    identity: Identity,
    work: Callable[[Session], _T],
    *,
    tell: Tell,
    patience: float = PATIENCE_SECONDS,
) -> _T:
    """Run ``work`` on a verified session, and again on a new one when the connection is lost.

    ``patience`` is how long, in seconds, to try before :class:`CutOff` is raised; the very first
    connection is tried once. ``work`` says goodbye; what it leaves open is closed. An invitation
    to go on serves again until the station has given the next one.
    """
    resumed = False
    for _ in range(RESUMES_MAX):
        session = _reconnect(link, scope, identity, tell, patience if resumed else 0.0)
        try:
            return work(session)
        except (PhoneError, WireError) as error:
            if not _may_pass(error) or patience <= 0:
                raise
            if session.follow_up is None and not resumed:
                raise CutOff(
                    f"{_sentence(error)} The station gave nothing to go on with."
                ) from None
            link = session.follow_up or link
            resumed = True
            tell(Interrupted(_sentence(error), _FIRST_DELAY_SECONDS))
        finally:
            session.connection.abort()
            session.connection.close()
        time.sleep(min(_FIRST_DELAY_SECONDS, patience))
    raise CutOff("The connection was lost again and again.")


def _reconnect(
    link: Link, scope: messages.Scope, identity: Identity, tell: Tell, patience: float
) -> Session:
    deadline = time.monotonic() + patience
    delay = _FIRST_DELAY_SECONDS
    claimed = False
    while True:
        try:
            return open_session(link, scope, identity, tell)
        except (PhoneError, WireError) as error:
            if patience <= 0:
                raise
            if claimed and isinstance(error, VerificationFailed):
                raise CutOff("The connection was lost while it was being resumed.") from None
            if not _may_pass(error):
                raise
            # An attempt that was cut may have used the invitation up.
            claimed = claimed or isinstance(error, CutOff)
            if time.monotonic() + delay > deadline:
                raise CutOff(f"{_sentence(error)} It was tried for {patience:.0f} s.") from None
            tell(Interrupted(_sentence(error), delay))
        time.sleep(delay)
        delay = min(2 * delay, _LONGEST_DELAY_SECONDS)


def _may_pass(error: Exception) -> bool:
    """Whether trying again later can help."""
    if isinstance(error, Refused):
        return error.refusal in (Refusal.TOO_MANY, Refusal.UNKNOWN)
    return isinstance(error, CutOff | Unreachable | TimedOut | Busy | TooMany)


def _sentence(error: Exception) -> str:
    return (
        str(error) if isinstance(error, PhoneError) and str(error) else "The connection was lost."
    )


def close_quietly(session: Session) -> None:
    """End a session in order if that is still possible."""
    with suppress(PhoneError, WireError):
        session.close()
