"""The first run: whoever holds the one-time code from the terminal becomes the owner.

The code is drawn at every start while there is no user. Only its hash is kept, in a file of the
data directory; removing that file is the claim, so two people with one code cannot both succeed.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts.models import User
from backupstation import relinking


class CodeRefusedError(Exception):
    """The one-time code is wrong, was used, or there is an owner already."""


def is_missing() -> bool:
    """Whether nobody owns this station yet."""
    return not User.objects.exists()


def draw_code() -> str:
    """Draw the one-time code (128 random bits, URL-safe); an earlier one stops working."""
    code = secrets.token_urlsafe(16)
    path = _code_file()
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(_hash(code))
    return code


def first_run_path(code: str) -> str:
    """Path and query of the link that opens the owner form."""
    return f"/first-run/?code={code}"


def is_code_good(code: str) -> bool:
    """Whether this code still makes an owner."""
    try:
        kept = _code_file().read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return is_missing() and hmac.compare_digest(kept, _hash(code))


def create(code: str, username: str, password: str, vault_id: str = "") -> User:
    """Make the owner, a superuser, and use up the code; raises :class:`CodeRefusedError`.

    ``vault_id`` names a vault that came back from the store, and becomes the owner's.
    """
    if not is_code_good(code):
        raise CodeRefusedError
    try:
        _code_file().unlink()
    except FileNotFoundError:
        raise CodeRefusedError from None
    with transaction.atomic():
        user = User.objects.create_superuser(username=username, password=password)
        if vault_id:
            relinking.link(user, vault_id)
    return user


def _code_file() -> Path:
    return Path(settings.STATION_DATA_DIR) / "first-run-code"


def _hash(code: str) -> str:
    return hashlib.sha256(b"backupstation/1 first run" + code.encode()).hexdigest()
