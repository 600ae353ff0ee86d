"""Backing up (patent claim 1): from paths to a receipt.

The snapshot's id is drawn before anything is sent. A lost connection is resumed under the same id;
what has arrived is not sent again.
"""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from phone.cache import Cache
from phone.catalogue import Catalogue
from phone.errors import CutOff, NothingToDo, Untrusted, Usage
from phone.events import Tell, ignore
from phone.link import Link
from phone.resuming import PATIENCE_SECONDS, with_sessions
from phone.session import Session
from phone.sources import Problem, Scan, scan
from phone.state import Home, Identity
from phone.uploading import Uploading
from wire import limits, manifest, messages, tokens
from wire.errors import ManifestRefused
from wire.invitation import station_id, station_id_text
from wire.manifest import Item, ManifestHeader, PageRef

# A page may end after an item whose name says so, from this size on: an insertion shifts one page.
_PAGE_BYTES_MIN: Final = 256 * limits.KIB
_PAGE_END_ODDS: Final = 64
# A station may find that it lost manifest pages, and then that it lost what they list.
_REFUSALS_MAX: Final = 2


class BackupResult(msgspec.Struct, frozen=True):
    """A stored snapshot. ``sent`` and ``held`` are chunk bytes that travelled and that did not.

    ``receipt`` is the station's signed token, checked; ``problems`` are the files left out.
    """

    snapshot_id: str
    items: int
    bytes: int
    sent: int
    held: int
    seconds: float
    receipt: str
    station: str
    problems: list[Problem] = []


def backup(
    link: Link,
    paths: Iterable[str | os.PathLike[str]],
    identity: Identity,
    home: Home,
    *,
    label: str = "",
    tell: Tell = ignore,
    patience: float = PATIENCE_SECONDS,
) -> BackupResult:
    """Back up every file under ``paths`` and return the receipted snapshot.

    Raises :class:`phone.errors.PhoneError` or :class:`wire.errors.WireError`; then no snapshot
    exists, and what was sent is not sent again next time.
    """
    return Backup(scan(paths), identity, home, label=label, tell=tell).run(link, patience)


class Backup:
    """One backup, over as many connections as it takes."""

    def __init__(
        self, found: Scan, identity: Identity, home: Home, *, label: str, tell: Tell
    ) -> None:
        if len(label) > limits.LABEL_CHARS_MAX:
            raise Usage(f"A label has at most {limits.LABEL_CHARS_MAX} characters.")
        if not found.entries:
            raise NothingToDo("There is no file to back up.")
        self._began, self._looked_ns = time.monotonic(), time.time_ns()
        self._created = int(time.time())
        self._found, self._identity, self._tell = found, identity, tell
        called = identity.enrolment.name or socket.gethostname()
        self._label, self._source = label, called[: limits.SOURCE_CHARS_MAX]
        self._snapshot_id = manifest.snapshot_id_text(os.urandom(limits.SNAPSHOT_ID_BYTES))
        self._cache = Cache(home.cache_path)
        self._refusals = 0
        self._catalogue = Catalogue(found.entries, {}, list(found.problems))
        # Looked up while the station is being reached.
        self._recalling = threading.Thread(target=self._recall, name="phone-recall", daemon=True)

    def run(self, link: Link, patience: float) -> BackupResult:
        """Do it; raises as :func:`backup` does."""
        try:
            self._recalling.start()
            return with_sessions(
                link, "backup", self._identity, self._upload, tell=self._tell, patience=patience
            )
        finally:
            self._recalling.join()
            self._remember()

    def _recall(self) -> None:
        self._catalogue.items.update(self._cache.find_all(self._found.entries))

    def _remember(self) -> None:
        entries, read = self._catalogue.entries, self._catalogue.readings
        self._cache.remember(
            [(entries[number], reading) for number, reading in read.items()], self._looked_ns
        )
        self._cache.close()

    def _upload(self, session: Session) -> BackupResult:
        self._recalling.join()
        begin = messages.BackupBegin(
            self._snapshot_id,
            self._source,
            self._label,
            len(self._found.entries),
            self._found.size,
        )
        session.take_follow_up(session.ask(begin, messages.BackupReady).invitation)
        uploading = Uploading(session, self._catalogue, self._tell)
        try:
            uploading.send_items()
            if not self._catalogue.items:
                raise NothingToDo("None of the files could be read.")
            refs: list[PageRef] = []
            uploading.send_pages(_pages(self._catalogue.listed(), refs))
            header = manifest.encode_header(self._header(refs))
            signature = manifest.sign_header(self._identity.key, header)
            stored = self._commit(uploading, header, signature)
            result = self._checked(stored, header, session)
        except BaseException:
            uploading.abort()
            raise
        uploading.close()
        return result

    def _commit(
        self, uploading: Uploading, header: bytes, signature: bytes
    ) -> messages.BackupStored:
        """Refused at first, it may be for bytes that the station lost: it is asked again."""
        try:
            return uploading.commit(header, signature)
        except ManifestRefused as refusal:
            self._refusals += 1
            if self._refusals > _REFUSALS_MAX:
                raise
            raise CutOff(f"The station did not take the backup: {refusal}.") from None

    def _header(self, refs: list[PageRef]) -> ManifestHeader:
        items = self._catalogue.items.values()
        enrolment = self._identity.enrolment
        return ManifestHeader(
            format=manifest.HEADER_FORMAT,
            iss=enrolment.iss,
            sub=enrolment.sub,
            snapshot_id=self._snapshot_id,
            source=self._source,
            label=self._label,
            created=self._created,
            items=len(items),
            bytes=sum(item.size for item in items),
            chunks=sum(item.chunk_count for item in items),
            pages=refs,
            phone_key=self._identity.public_key,
        )

    def _checked(
        self, stored: messages.BackupStored, header: bytes, session: Session
    ) -> BackupResult:
        told = manifest.decode_header(header)
        check_receipt(stored.receipt, header, session.station_key)
        catalogue = self._catalogue
        return BackupResult(
            snapshot_id=self._snapshot_id,
            items=told.items,
            bytes=told.bytes,
            sent=catalogue.sent,
            held=max(0, told.bytes - catalogue.sent_items),
            seconds=time.monotonic() - self._began,
            receipt=stored.receipt,
            station=session.terms.station_name,
            problems=sorted(catalogue.problems, key=lambda problem: problem.path),
        )


def check_receipt(receipt: str, header: bytes, station_key: bytes) -> None:
    """Raise :class:`Untrusted` unless this station's key signed for exactly this manifest."""
    told = manifest.decode_header(header)
    claims = tokens.verify(receipt, tokens.Receipt, [station_key])
    agrees = (
        claims.iss == station_id_text(station_id(station_key))
        and claims.snapshot_id == told.snapshot_id
        and claims.manifest_hash == tokens.b64u(manifest.manifest_hash(header))
        and (claims.items, claims.bytes) == (told.items, told.bytes)
    )
    if not agrees:
        raise Untrusted("The station's receipt is for something else.")


def _pages(items: Iterable[Item], refs: list[PageRef]) -> Iterator[tuple[bytes, bytes]]:
    """Manifest pages as (SHA-256, bytes); their references are appended to ``refs``."""
    page: list[Item] = []
    size = 0
    for item in items:
        length = len(msgspec.json.encode(item)) + 1
        if page and size + length + 2 > limits.PAGE_BYTES_MAX:
            yield _page(page, refs)
            page, size = [], 0
        page.append(item)
        size += length
        if size >= _PAGE_BYTES_MIN and _ends_page(item):
            yield _page(page, refs)
            page, size = [], 0
    if page:
        yield _page(page, refs)


def _ends_page(item: Item) -> bool:
    return hashlib.sha256(item.name.encode()).digest()[0] % _PAGE_END_ODDS == 0


def _page(items: list[Item], refs: list[PageRef]) -> tuple[bytes, bytes]:
    encoded = manifest.encode_page(items)
    digest = hashlib.sha256(encoded).digest()
    refs.append(PageRef(digest, len(encoded), len(items)))
    return digest, encoded
