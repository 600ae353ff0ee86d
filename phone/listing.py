"""Which snapshots the account has on this station, and which one is meant."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from phone.errors import NoSuchSnapshot, Usage
from phone.events import Tell, ignore
from phone.link import Link
from phone.resuming import close_quietly
from phone.session import Session
from phone.state import Identity
from phone.verification import open_session
from wire import limits, messages
from wire.errors import MalformedMessage, ManifestRefused
from wire.manifest import check_snapshot_id, normalise_snapshot_id

PREFIX_CHARS_MIN: Final = 8
_PAGES_MAX: Final = 2_000


class Listed(NamedTuple):
    """Snapshots, newest first; ``is_part`` when the link gives only a part of its one snapshot."""

    snapshots: list[messages.SnapshotSummary]
    is_part: bool


def snapshots(link: Link, identity: Identity, *, tell: Tell = ignore) -> Listed:
    """The account's snapshots on this station, or the one that the link is for.

    Raises :class:`phone.errors.PhoneError` or :class:`wire.errors.WireError`.
    """
    session = open_session(link, "restore", identity, tell)
    try:
        binding = session.terms.binding
        is_part = binding is not None and binding.selection is not None
        return Listed(list(_listed(session)), is_part)
    finally:
        close_quietly(session)


def _listed(session: Session) -> Iterator[messages.SnapshotSummary]:
    number, pages = 0, 1
    while number < pages:
        page = session.ask(messages.SnapshotsList(number), messages.SnapshotsPage)
        pages = page.pages
        if pages > _PAGES_MAX or len(page.snapshots) > limits.SNAPSHOTS_PER_PAGE:
            raise MalformedMessage("a listing without end")
        yield from page.snapshots
        number += 1


def resolve(session: Session, typed: str) -> str:
    """The id of the one snapshot that ``typed`` means: an id, its beginning, or empty.

    Empty means the snapshot that the invitation is bound to. Raises :class:`NoSuchSnapshot`, and
    :class:`Usage` for what cannot be an id.
    """
    wanted = normalise_snapshot_id(typed)
    if not wanted:
        if session.terms.binding is None:
            raise Usage("This link is for no snapshot in particular: name one by its ID.")
        return session.terms.binding.snapshot_id
    if len(wanted) == limits.SNAPSHOT_ID_CHARS:
        _check(wanted, typed)
        return wanted
    if len(wanted) < PREFIX_CHARS_MIN:
        raise Usage(f"Give at least the first {PREFIX_CHARS_MIN} characters of the snapshot's ID.")
    _check(wanted.ljust(limits.SNAPSHOT_ID_CHARS, "0")[: limits.SNAPSHOT_ID_CHARS], typed)
    found = [one.snapshot_id for one in _listed(session) if one.snapshot_id.startswith(wanted)]
    if len(found) != 1:
        count = "No snapshot" if not found else f"{len(found)} snapshots"
        raise NoSuchSnapshot(f"{count} of this account: {wanted}…")
    return found[0]


def _check(identifier: str, typed: str) -> None:
    try:
        check_snapshot_id(identifier)
    except ManifestRefused:
        raise Usage(f"{typed!r} is not a snapshot's ID.") from None
