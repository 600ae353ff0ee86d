"""The phone's own folder: its key, the accounts it is enrolled to, and the cache.

Every file is written whole or not at all. The private key is readable by its owner alone.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phone.errors import StateDamaged
from wire import limits

ENVIRONMENT: Final = "PHONE_HOME"
_ENROLMENTS_BYTES_MAX: Final = limits.MIB


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account that this phone belongs to.

    ``iss`` and ``sub`` name the account; ``keys`` are the issuer's Ed25519 public keys, pinned;
    ``im_origin`` is the IM server's address, empty when the station itself plays that role.
    ``name`` is what this phone called itself there.
    """

    iss: str
    sub: str
    keys: list[bytes]
    im_origin: str
    station_name: str = ""
    name: str = ""


class _File(msgspec.Struct, frozen=True):
    enrolments: list[Enrolment]
    version: int = 1


def default_home() -> Path:
    """The folder from ``PHONE_HOME``, or the platform's place for a user's data."""
    if chosen := os.environ.get(ENVIRONMENT):
        return Path(chosen).expanduser()
    import platformdirs  # noqa: PLC0415 (20 ms that --home does not need)

    return Path(platformdirs.user_data_dir("backupstation-phone", appauthor=False))


class Home:
    """The folder; it is made, for its owner alone, when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def cache_path(self) -> Path:
        """Where the cache of read files is."""
        return self.folder / "cache.sqlite3"

    def prepare(self) -> None:
        """Make the folder; raises :class:`StateDamaged` when that is impossible."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateDamaged(f"{self.folder} cannot be used: {error.strerror}.") from None

    def key(self) -> Ed25519PrivateKey:
        """This phone's key, drawn on first use. Two first uses at once agree on one."""
        self.prepare()
        path = self.folder / "phone.key"
        try:
            if not path.exists():
                _write_new(path, Ed25519PrivateKey.generate().private_bytes_raw())
            return _read_key(path)
        except OSError as error:
            raise StateDamaged(f"{path} cannot be used: {error.strerror}.") from None

    def enrolments(self) -> list[Enrolment]:
        """The accounts that this phone is enrolled to."""
        path = self.folder / "enrolments.json"
        try:
            with path.open("rb") as file:
                encoded = file.read(_ENROLMENTS_BYTES_MAX)
            return msgspec.json.decode(encoded, type=_File).enrolments
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateDamaged(f"{path} cannot be read: {error.strerror}.") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise StateDamaged(
                f"{path} is damaged. Delete it and enrol this phone again."
            ) from None

    def enrolment(self, *, iss: str = "", im_origin: str = "") -> Enrolment | None:
        """The enrolment at this issuer, or at this IM server."""
        for known in self.enrolments():
            if (iss and known.iss == iss) or (im_origin and known.im_origin == im_origin):
                return known
        return None

    def remember(self, enrolment: Enrolment) -> None:
        """Keep ``enrolment`` in place of an older one at the same issuer or IM server."""
        self.prepare()
        others = [
            known
            for known in self.enrolments()
            if known.iss != enrolment.iss
            and (not enrolment.im_origin or known.im_origin != enrolment.im_origin)
        ]
        path = self.folder / "enrolments.json"
        try:
            _replace(path, msgspec.json.encode(_File([*others, enrolment])))
        except OSError as error:
            raise StateDamaged(f"{path} cannot be written: {error.strerror}.") from None


class Identity(msgspec.Struct, frozen=True):
    """This phone's key, the account that it acts for, and where both are kept."""

    key: Ed25519PrivateKey
    enrolment: Enrolment
    home: Home

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public half."""
        return self.key.public_key().public_bytes_raw()


def _read_key(path: Path) -> Ed25519PrivateKey:
    with path.open("rb") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
            raise StateDamaged(f"Others may read {path}. Run: chmod 600 '{path}'")
        raw = file.read(limits.KEY_BYTES + 1)
    if len(raw) != limits.KEY_BYTES:
        raise StateDamaged(f"{path} is damaged. Delete it and enrol this phone again.")
    return Ed25519PrivateKey.from_private_bytes(raw)


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, unless it exists by now."""
    temporary = _write_beside(path, content)
    try:
        with suppress(FileExistsError):
            os.link(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink()


def _replace(path: Path, content: bytes) -> None:
    temporary = _write_beside(path, content)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise
    _sync_folder(path.parent)


def _write_beside(path: Path, content: bytes) -> Path:
    """A durable temporary file (mode 0600) in the folder of ``path``."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
