"""Who this station is: its root key, the identity derived from it, and its store."""

from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from transfer.store.backends import Backend
from transfer.store.backends.posix import PosixBackend
from transfer.store.crypto import Root
from transfer.store.objects import OWNER, claim_store, require_store
from wire.errors import NotFound, StationFault
from wire.invitation import station_id, station_id_text


@dataclass(frozen=True)
class Identity:
    """The station's keys and where it keeps bytes. ``station_id`` is 16 bytes."""

    root: Root
    key: Ed25519PrivateKey
    station_id: bytes
    backend: Backend

    @property
    def station_id_text(self) -> str:
        """The station id as tokens and people see it."""
        return station_id_text(self.station_id)

    @property
    def public_key(self) -> bytes:
        """The station's Ed25519 public key, 32 bytes."""
        return self.key.public_key().public_bytes_raw()

    def require_store(self) -> None:
        """Make sure that the store is there, for whoever promises something or misses something.

        Raises :class:`~transfer.store.backends.StoreAway`, or :class:`ForeignStore`.
        """
        require_store(self.backend, self.root, self.station_id_text)


@cache
def identity() -> Identity:
    """This process's station; made at first use, refused when the store belongs to another."""
    backend = PosixBackend(settings.STATION_STORE_DIR)
    _refuse_lost_root(backend)
    root = Root.load_or_create(settings.STATION_ROOT_KEY, settings.STATION_PASSPHRASE)
    key = root.station_key()
    own_id = station_id(key.public_key().public_bytes_raw())
    claim_store(backend, root, station_id_text(own_id))
    return Identity(root, key, own_id, backend)


def _refuse_lost_root(backend: Backend) -> None:
    # The mark first: whoever starts at the same time keeps the root before it makes the mark.
    try:
        backend.stat(OWNER)
    except NotFound:
        return
    if not settings.STATION_ROOT_KEY.exists():
        raise StationFault(
            f"the root key {settings.STATION_ROOT_KEY} is missing, and the store beside it needs"
            " it; put the file back, or make it again from the 24 words with"
            " `manage.py station --recover`"
        )
