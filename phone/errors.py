"""Errors of the phone, and how every error is told: a sentence, a code, what to do, an exit code.

    PhoneError
    ├── Usage             2  what was typed cannot be meant
    │   ├── SourceMissing    a path that does not exist
    │   └── NotALink         not a station's link or QR code
    ├── StateDamaged      1  the phone's own folder cannot be used
    ├── NotEnrolled       1  this phone belongs to no account of this station yet
    ├── NotPermitted      1  the link does not permit what was asked for
    ├── NoSuchSnapshot    1  no snapshot, or more than one, of this name
    ├── NothingToDo       1  no file could be backed up, no item matches
    ├── TargetUnusable    1  the folder to restore into cannot take it: disk full, no permission
    ├── NotWritten        4  one item could not be written; others can
    ├── Untrusted         3  the station or its IM server did not prove what it says
    │   └── NotCertified     3  its certificate is by nobody whom this phone trusts
    ├── Unreachable       5  nobody answers at the station's or the IM server's address
    └── CutOff            5  the connection was lost and could not be had again

Errors of the protocol (:mod:`wire.errors`) and refusals of the IM server (:class:`wire.im.Refused`)
are told by :func:`explain` as well.
"""

from enum import IntEnum, StrEnum
from typing import ClassVar, Final, NamedTuple

from wire import errors as wire_errors
from wire.im import Refusal, Refused

_GO_ON: Final = (
    "Run the same command with a fresh link: files that are there whole do not travel again."
)


class Exit(IntEnum):
    """Exit codes of the command line."""

    OK = 0
    FAILED = 1
    USAGE = 2
    VERIFICATION = 3
    PARTIAL = 4
    UNREACHABLE = 5
    INTERRUPTED = 130


class PhoneError(Exception):
    """Base of the phone's own errors. The text is a sentence for people."""

    code: ClassVar[str] = "failed"
    exit: ClassVar[Exit] = Exit.FAILED
    hint: ClassVar[str] = ""


class Usage(PhoneError):
    """What was typed cannot be meant."""

    code = "usage"
    exit = Exit.USAGE
    hint = "Run the command with --help."


class SourceMissing(Usage):
    """A path that was asked for does not exist or cannot be looked at."""

    code = "source_missing"
    hint = "Check the path."


class NotALink(Usage):
    """What should be a station's link, or a picture of its QR code, is neither."""

    code = "not_a_link"
    hint = "Copy the link below the QR code on the station's page, in quotes."


class StateDamaged(PhoneError):
    """A file of the phone's folder cannot be used; the message says which and what to do."""

    code = "state_damaged"
    hint = "Another folder can be chosen with --home."


class NotEnrolled(PhoneError):
    """This phone belongs to no account that the link's IM server knows."""

    code = "not_enrolled"
    hint = "The code comes from whoever runs that IM server."


class NotPermitted(PhoneError):
    """The link does not permit what was asked for: a backup link is not for restoring."""

    code = "not_permitted"
    hint = "Ask the station for a link that permits it."


class NoSuchSnapshot(PhoneError):
    """No snapshot of this account has the name that was typed, or several begin with it."""

    code = "no_such_snapshot"
    hint = "Run: python -m phone list LINK"


class NothingToDo(PhoneError):
    """No file could be backed up, or no item of the snapshot was chosen."""

    code = "nothing_to_do"


class TargetUnusable(PhoneError):
    """The target folder cannot take anything (more): no such place, no permission, disk full."""

    code = "target_unusable"
    hint = "Make room or choose another folder, then run the same command again."


class Obstacle(StrEnum):
    """Why an item was not written."""

    NAME = "name"
    EXISTS = "exists"
    COLLISION = "collision"
    IN_THE_WAY = "in_the_way"
    UNWRITABLE = "unwritable"
    DAMAGED = "damaged"


class NotWritten(PhoneError):
    """One item could not be written; others can."""

    code = "not_written"
    exit = Exit.PARTIAL

    def __init__(self, obstacle: Obstacle, sentence: str) -> None:
        super().__init__(sentence)
        self.obstacle = obstacle


class Untrusted(PhoneError):
    """The station or its IM server did not prove what it says; nothing more was sent to it."""

    code = "untrusted"
    exit = Exit.VERIFICATION
    hint = "Scan the QR code that the station shows now. If it happens again, trust neither."


class NotCertified(Untrusted):
    """An https address whose certificate is not good; nothing was sent to it."""

    code = "not_certified"
    hint = (
        "A station's own authority is on its page /https/: compare its fingerprint there, and give"
        " the file with --ca FILE. Or use a link that begins with http:."
    )


class Unreachable(PhoneError):
    """Nobody answers at the station's or the IM server's address."""

    code = "unreachable"
    exit = Exit.UNREACHABLE
    hint = "Are both in the same network? Try without VPN; check the PC's firewall."


class CutOff(PhoneError):
    """The connection was lost and could not be had again in time."""

    code = "cut_off"
    exit = Exit.UNREACHABLE
    hint = _GO_ON


class Explanation(NamedTuple):
    """How an error is told: to people, to programs, and to the shell."""

    code: str
    message: str
    hint: str
    exit: Exit


_AGAIN: Final = "Scan the QR code that the station shows now."
_WIRE: Final[dict[int, tuple[str, str]]] = {
    4401: ("The station and this phone could not verify each other.", _AGAIN),
    4403: ("The station refused: {}.", ""),
    4404: ("The station does not have it: {}.", "Run: python -m phone list LINK"),
    4408: ("The other side was silent for too long.", "Run the same command with a fresh link."),
    4429: ("The station asks to wait.", "Try again in a minute."),
    4503: ("The link was used before, or the station is stopping.", _AGAIN),
    4507: (
        "The station's disk is full: {}. What it kept before is safe.",
        "Make room on the station, and run the same command with a fresh link.",
    ),
    4510: (
        "The station holds damaged data: {}.",
        "Run the station's store check; a backup of the same files heals what it can.",
    ),
}
_IM_HINTS: Final = {
    # A station that was rebuilt knows its snapshots, but no phones.
    Refusal.PHONE_UNKNOWN: "Run: python -m phone enrol LINK, and let the station's owner allow it;"
    " at an IM server of its own: python -m phone enrol --im ORIGIN --code CODE.",
}
_IM_EXITS: Final = {
    Refusal.STATION_UNKNOWN: Exit.VERIFICATION,
    Refusal.STATION_REVOKED: Exit.VERIFICATION,
    Refusal.SIGNATURE_WRONG: Exit.VERIFICATION,
    Refusal.ADDRESS_PUBLIC: Exit.VERIFICATION,
    Refusal.PHONE_UNKNOWN: Exit.VERIFICATION,
    Refusal.PHONE_REVOKED: Exit.VERIFICATION,
    Refusal.PROOF_WRONG: Exit.VERIFICATION,
}


def explain(error: BaseException) -> Explanation:
    """How to tell ``error``; an unforeseen one is named by its kind alone."""
    if isinstance(error, PhoneError):
        return Explanation(error.code, str(error), error.hint, error.exit)
    if isinstance(error, Refused):
        exit_code = _IM_EXITS.get(error.refusal, Exit.FAILED)
        hint = _IM_HINTS.get(error.refusal, "")
        return Explanation(error.refusal.value, str(error), hint, exit_code)
    if isinstance(error, wire_errors.WireError):
        return _explain_wire(error)
    if isinstance(error, KeyboardInterrupt):
        return Explanation("interrupted", "Stopped.", _GO_ON, Exit.INTERRUPTED)
    kind = type(error).__name__
    report = "Please report this, with the command that was run."
    return Explanation(
        "unexpected", f"Something unforeseen failed ({kind}: {error}).", report, Exit.FAILED
    )


def _explain_wire(error: wire_errors.WireError) -> Explanation:
    text = str(error).rstrip(".")
    sentence, hint = _WIRE.get(error.code, ("The station refused: {}.", ""))
    unaccepted = isinstance(error, wire_errors.VerificationFailed | wire_errors.NotAllowed)
    exit_code = Exit.VERIFICATION if unaccepted else Exit.FAILED
    if isinstance(error, wire_errors.TimedOut):
        exit_code = Exit.UNREACHABLE
    return Explanation(str(error.code), sentence.format(text or error.code), hint, exit_code)
