"""Restoring by a snapshot's id, whole or in part, and verifying without writing (claim 5).

The manifest must be signed, receipted and this account's; every chunk and every item is checked
against it. A lost connection is resumed where it was cut.
"""

import time
from dataclasses import dataclass, field

from phone.checking import Nowhere, Sink
from phone.choosing import Chosen, choose
from phone.delivering import Delivery, Failure
from phone.events import Tell, ignore
from phone.fetching import Fetching
from phone.link import Link
from phone.listing import resolve
from phone.resuming import PATIENCE_SECONDS, with_sessions
from phone.session import Session
from phone.state import Identity
from wire import messages


@dataclass(frozen=True)
class RestoreResult:
    """What was restored or verified. ``received`` counts chunk bytes that travelled.

    ``kept`` of the ``items`` were there already, byte for byte, and were not fetched.

    ``missing`` are chosen names that the snapshot does not have. ``own`` is whether this very
    phone signed the manifest; another phone of the account may have.
    """

    snapshot_id: str
    label: str
    items: int
    bytes: int
    received: int
    seconds: float
    receipt: str
    station: str
    own: bool
    kept: int = 0
    failures: list[Failure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def restore(
    link: Link,
    snapshot: str,
    sink: Sink,
    identity: Identity,
    *,
    selection: messages.Selection | None = None,
    tell: Tell = ignore,
    patience: float = PATIENCE_SECONDS,
) -> RestoreResult:
    """Bring a snapshot's items to ``sink``; ``snapshot`` is an id or its first 8 characters.

    Empty means the one that the link is bound to. Raises :class:`phone.errors.PhoneError` or
    :class:`wire.errors.WireError` when the whole failed; single items are in ``failures``.
    """
    restoring = Restoring(snapshot, sink, selection, identity, tell)
    try:
        return with_sessions(link, "restore", identity, restoring.run, tell=tell, patience=patience)
    finally:
        restoring.close()


def verify(
    link: Link,
    snapshot: str,
    identity: Identity,
    *,
    tell: Tell = ignore,
    patience: float = PATIENCE_SECONDS,
) -> RestoreResult:
    """Read a whole snapshot back and check every hash, writing nothing; raises as above."""
    return restore(link, snapshot, Nowhere(), identity, tell=tell, patience=patience)


def contents(link: Link, snapshot: str, identity: Identity, *, tell: Tell = ignore) -> Chosen:
    """What a snapshot consists of, from its checked manifest alone; raises as above."""

    def look(session: Session) -> Chosen:
        identifier = resolve(session, snapshot)
        fetching = Fetching(session)
        try:
            chosen = choose(fetching, session, identity, identifier, None)
        except BaseException:
            fetching.abort()
            raise
        fetching.close()
        return chosen

    return with_sessions(link, "restore", identity, look, tell=tell, patience=0.0)


class Restoring:
    """One restore, over as many connections as it takes."""

    def __init__(
        self,
        snapshot: str,
        sink: Sink,
        selection: messages.Selection | None,
        identity: Identity,
        tell: Tell,
    ) -> None:
        self._began = time.monotonic()
        self._snapshot, self._sink, self._selection = snapshot, sink, selection
        self._identity, self._tell = identity, tell
        self._chosen: Chosen | None = None
        self._delivery: Delivery | None = None

    def run(self, session: Session) -> RestoreResult:
        """Go on with the restore on this session, and end it."""
        if self._chosen is None:
            self._snapshot = resolve(session, self._snapshot)
        fetching = Fetching(session)
        try:
            chosen, delivery = self._begin(fetching, session)
            delivery.fetch(fetching, self._snapshot)
            failed = len(delivery.failures)
            session.send(messages.RestoreDone(self._snapshot, delivery.verified, failed))
        except BaseException:
            fetching.abort()
            raise
        fetching.close()
        return self._result(chosen, delivery, session)

    def _begin(self, fetching: Fetching, session: Session) -> tuple[Chosen, Delivery]:
        if self._chosen is None or self._delivery is None:
            self._chosen = choose(
                fetching, session, self._identity, self._snapshot, self._selection
            )
            self._delivery = Delivery(self._chosen, self._sink, self._tell)
        return self._chosen, self._delivery

    def _result(self, chosen: Chosen, delivery: Delivery, session: Session) -> RestoreResult:
        names = {item.name for _, item in chosen.items}
        return RestoreResult(
            snapshot_id=self._snapshot,
            label=chosen.header.label,
            items=delivery.verified,
            bytes=delivery.verified_bytes,
            received=delivery.received,
            seconds=time.monotonic() - self._began,
            receipt=chosen.receipt,
            station=session.terms.station_name,
            own=chosen.header.phone_key == self._identity.public_key,
            kept=delivery.kept,
            failures=sorted(delivery.failures, key=lambda failure: failure.name),
            missing=[name for name in self._named if name not in names],
        )

    @property
    def _named(self) -> list[str]:
        return self._selection.items if self._selection else []

    def close(self) -> None:
        """Leave no half item behind, and make the others durable."""
        if self._delivery is not None:
            self._delivery.close()
        self._sink.close()
