"""Packs that became durable just before a crash: the index learns of them at the next start."""

import logging

from transfer import chunks, manifests, station
from transfer.models import Pack, Vault
from transfer.store.packformat import FOLDER, HEADER_BYTES, vault_of
from transfer.store.packs import FinishedPack
from wire.errors import Damaged, NotFound

log = logging.getLogger(__name__)


def adopt_packs() -> int:
    """Index every pack of a known vault that the index lacks; returns how many there were."""
    count = 0
    for batch in chunks.batches(station.identity().backend.list(FOLDER)):
        known = Pack.objects.filter(pk__in=[name for name, _size in batch])
        missing = dict(batch).keys() - set(known.values_list("pk", flat=True))
        for name, size in batch:
            if name in missing:
                count += _adopt(name, size)
    return count


def _adopt(name: str, size: int) -> int:
    try:
        start = station.identity().backend.get_range(name, 0, HEADER_BYTES)
        vault = Vault.objects.filter(pk=vault_of(start).hex()).first()
        if vault is None:
            return 0
        entries = manifests.reader_of(vault.pk).directory(name)
    except (Damaged, NotFound) as error:
        log.warning("a pack was not taken in: %s", error)
        return 0
    chunks.add_packs(vault, [FinishedPack(name, size, entries)])
    return 1
