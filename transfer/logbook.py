"""The trail of one connection, written behind its back: verification does not wait for the disk.

Each commit of the database is synced; a handshake that waited for every step on the trail took
three times as long. Steps are written in order, several in one transaction when they come close
together, and ``settled`` waits for the last one.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from django.db import transaction
from django.utils import timezone

from transfer.models import Step, TrailEntry
from transfer.trail import REASON_CHARS_MAX
from transfer.workers import in_database

log: Final = logging.getLogger(__name__)
# Steps of one handshake come within this time. Writing them at once would keep the database's one
# writer busy while the handshake itself waits for it.
_GATHER_SECONDS: Final = 0.1
_ONCE: Final = frozenset({Step.SCANNED, Step.CONFIRMED, Step.REFUSED})


class Logbook:
    """Takes steps at once, from the event loop; writes them on a database thread."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._pending: list[TrailEntry] = []
        self._writing: asyncio.Task[None] | None = None

    def note(
        self,
        step: Step,
        detail: Mapping[str, object] | None = None,
        *,
        reason: str = "",
        code: int | None = None,
    ) -> None:
        """Add a step. ``reason`` is a sentence for people; details never hold keys or texts."""
        self._pending.append(
            TrailEntry(
                invitation_id=self._session_id,
                step=step,
                detail=dict(detail or {}),
                reason=reason[:REASON_CHARS_MAX],
                code=code,
                at=timezone.now(),
            )
        )
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def settled(self) -> None:
        """Wait until everything noted so far is written, or could not be."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def _write(self) -> None:
        while self._pending:
            await asyncio.sleep(_GATHER_SECONDS)
            batch, self._pending = self._pending, []
            try:
                await in_database(_add, self._session_id, batch)
            except Exception:
                log.exception("connection %s: steps are not on the trail", self._session_id[:8])


def _add(session_id: str, batch: list[TrailEntry]) -> None:
    """What the IM server inside this station noted first is not noted again."""
    with transaction.atomic():
        known = set(
            TrailEntry.objects.filter(invitation_id=session_id, step__in=_ONCE).values_list(
                "step", flat=True
            )
        )
        TrailEntry.objects.bulk_create(entry for entry in batch if entry.step not in known)
