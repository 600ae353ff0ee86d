"""Control messages, decoded strictly into frozen types, and the frames that carry them.

A control frame holds one JSON object whose ``type`` names the class; an unknown type, an unknown
field or a missing one is :class:`~wire.errors.MalformedMessage`. ``bytes`` fields are standard
base64. docs/protocol.md lists who may send what and when.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from wire import limits
from wire.errors import MalformedMessage, TooLarge

Scope = Literal["backup", "restore"]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Reference = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Code = Annotated[int, Meta(ge=0, le=65_535)]
# Names are shown on pages and in terminals: no control characters, no text direction overrides.
_NAME_PATTERN: Final = r"\A[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+\Z"
Name = Annotated[str, Meta(max_length=limits.NAME_CHARS_MAX, pattern=_NAME_PATTERN)]
Names = Annotated[list[str], Meta(max_length=limits.SELECTION_NAMES_MAX)]
_T = TypeVar("_T")


class Message(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", omit_defaults=True
):
    """Base of all control messages."""


# Any time


class Ping(Message, frozen=True, tag="ping"):
    """Keeps an idle connection open."""


class Pong(Message, frozen=True, tag="pong"):
    """The answer to a ping."""


class Bye(Message, frozen=True, tag="bye"):
    """The sender has finished; the receiver closes."""


class Failure(Message, frozen=True, tag="error"):
    """A refusal: code of wire.errors, a sentence for people, and the data reference concerned."""

    code: Code
    message: str
    ref: Reference | None = None


class FollowUp(Message, frozen=True, tag="follow_up"):
    """S: an encoded invitation, bound to this phone and snapshot, for use after a cut."""

    invitation: bytes


# Before OPEN


class Enrol(Message, frozen=True, tag="enrol"):
    """P: make this key a phone of the invitation owner's account.

    ``proof`` = Ed25519(phone key, "backupstation/1 enrol" || h).
    """

    phone_key: bytes
    name: Name
    proof: bytes


class Pending(Message, frozen=True, tag="pending"):
    """S: the owner is being asked; both screens show the same six digits; seconds left."""

    reason: Literal["enrol", "link"]
    seconds: Seconds


class Enrolled(Message, frozen=True, tag="enrolled"):
    """S: the owner allowed it. ``keys`` are the issuer's Ed25519 public keys, 32 bytes each."""

    iss: str
    sub: str
    keys: list[bytes]
    station_name: str
    invitation: bytes


class First(Message, frozen=True, tag="first"):
    """P: the first verification information (patent claims 4 and 9).

    ``proof`` = Ed25519(phone key, "backupstation/1 first" || h || SHA-256(ticket)).
    """

    ticket: str
    phone_key: bytes
    proof: bytes


class Second(Message, frozen=True, tag="second"):
    """S: the second verification information, generated from the account id."""

    token: str


class Verified(Message, frozen=True, tag="verified"):
    """P: ``proof`` = Ed25519(phone key, "backupstation/1 verified" || SHA-256(second))."""

    proof: bytes


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Chosen items: exact names, and folders whose whole content is meant."""

    items: Names = []
    under: Names = []

    def covering(self) -> Callable[[str], bool]:
        """A function that says whether the item of a name is chosen, for many names."""
        items = frozenset(self.items)
        folders = tuple(folder.rstrip("/") + "/" for folder in self.under)
        return lambda name: name in items or name.startswith(folders)


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a restore invitation is limited to."""

    snapshot_id: str
    selection: Selection | None = None


class Open(Message, frozen=True, tag="open"):
    """S: verification is complete. ``window`` and ``free`` are bytes."""

    scope: Scope
    window: Count
    free: Count
    station_name: str
    binding: Binding | None = None


# Backup


class BackupBegin(Message, frozen=True, tag="backup.begin"):
    """P: the data carries its ID from the start. ``bytes``, ``items``: totals for progress."""

    snapshot_id: str
    source: str
    label: str
    items: Count
    bytes: Count


class BackupReady(Message, frozen=True, tag="backup.ready"):
    """S: the upload is open; ``invitation`` serves to resume it after a cut."""

    snapshot_id: str
    invitation: bytes


class ChunksHave(Message, frozen=True, tag="chunks.have"):
    """P: ``digests`` = n x SHA-256; their references are start, start + 1 and so on."""

    start: Reference
    digests: bytes


class ChunksLack(Message, frozen=True, tag="chunks.lack"):
    """S: references (not offsets) among start … start + n - 1 that must be sent, ascending."""

    start: Reference
    refs: list[Reference]


class Ack(Message, frozen=True, tag="ack"):
    """Credit: this many more chunk bytes were taken in (not yet durable) and may be replaced."""

    bytes: Count


class BackupCommit(Message, frozen=True, tag="backup.commit"):
    """P: the encoded manifest header and the phone's signature over it."""

    header: bytes
    signature: bytes


class BackupStored(Message, frozen=True, tag="backup.stored"):
    """S: everything is durable. ``receipt`` is a JWS by the station key.

    ``received`` counts chunk bytes that came in, ``held`` those that the vault already had.
    """

    receipt: str
    received: Count
    held: Count


# Restore


class SnapshotSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a listing; times are seconds since 1970 UTC."""

    snapshot_id: str
    source: str
    label: str
    created: Seconds
    stored: Seconds
    items: Count
    bytes: Count


class SnapshotsList(Message, frozen=True, tag="snapshots.list"):
    """P: one page (from 0) of this account's snapshots, newest first."""

    page: Count


class SnapshotsPage(Message, frozen=True, tag="snapshots.page"):
    """S: the page asked for, and how many pages there are."""

    page: Count
    pages: Count
    snapshots: list[SnapshotSummary]


class SnapshotGet(Message, frozen=True, tag="snapshot.get"):
    """P: the manifest of a snapshot. Its pages follow as data frames (ref = page number)."""

    snapshot_id: str
    selection: Selection | None = None


class SnapshotManifest(Message, frozen=True, tag="snapshot.manifest"):
    """S: signed header and receipt; ``pages`` numbers the pages that follow, in order."""

    header: bytes
    signature: bytes
    receipt: str
    pages: list[Count]


class Want(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """Chunks ``first`` … ``first + count - 1`` of the item with this number in the manifest."""

    item: Count
    first: Count
    count: Count


class ChunksGet(Message, frozen=True, tag="chunks.get"):
    """P: chunks of one snapshot, in this order; the k-th comes as data frame ref = start + k."""

    snapshot_id: str
    start: Reference
    wants: list[Want]


class RestoreDone(Message, frozen=True, tag="restore.done"):
    """P: how many items were restored and verified, and how many failed."""

    snapshot_id: str
    verified: Count
    failed: Count


PhoneMessage = (
    Ping | Pong | Bye | Failure | Enrol | First | Verified | BackupBegin | ChunksHave | BackupCommit
    | SnapshotsList | SnapshotGet | ChunksGet | RestoreDone | Ack
)  # fmt: skip
StationMessage = (
    Ping | Pong | Bye | Failure | FollowUp | Pending | Enrolled | Second | Open | BackupReady
    | ChunksLack | Ack | BackupStored | SnapshotsPage | SnapshotManifest
)  # fmt: skip

_encoder: Final = msgspec.json.Encoder()
_phone_decoder: Final[msgspec.json.Decoder[PhoneMessage]] = msgspec.json.Decoder(PhoneMessage)
_station_decoder: Final[msgspec.json.Decoder[StationMessage]] = msgspec.json.Decoder(StationMessage)


def encode(message: Message) -> bytes:
    """The JSON of a control message; :class:`TooLarge` above the limit of a control frame."""
    encoded = _encoder.encode(message)
    if len(encoded) > limits.CONTROL_BYTES_MAX:
        raise TooLarge(f"control message of {len(encoded)} bytes")
    return encoded


def decode_from_phone(payload: bytes) -> PhoneMessage:
    """Decode strictly what a phone may send; raises :class:`MalformedMessage`."""
    return _decode(_phone_decoder, payload)


def decode_from_station(payload: bytes) -> StationMessage:
    """Decode strictly what a station may send; raises :class:`MalformedMessage`."""
    return _decode(_station_decoder, payload)


def _decode(decoder: msgspec.json.Decoder[_T], payload: bytes) -> _T:
    if len(payload) > limits.CONTROL_BYTES_MAX:
        raise TooLarge("control message")
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedMessage(f"control message: {error}") from None


def split_digests(digests: bytes) -> list[bytes]:
    """The SHA-256 digests of a ``chunks.have``; raises when malformed or too many."""
    if len(digests) % limits.DIGEST_BYTES:
        raise MalformedMessage("digests are not a whole number of SHA-256")
    if len(digests) > limits.HAVE_DIGESTS_MAX * limits.DIGEST_BYTES:
        raise TooLarge("more digests than one message may carry")
    step = limits.DIGEST_BYTES
    return [digests[at : at + step] for at in range(0, len(digests), step)]
