"""Packs: write-once objects of about 16 MiB that hold many sealed chunks; see packformat.py."""

from transfer.store.packformat import FinishedPack, PackEntry
from transfer.store.packreader import PackReader
from transfer.store.packwriter import PackWriter

__all__ = ["FinishedPack", "PackEntry", "PackReader", "PackWriter"]
