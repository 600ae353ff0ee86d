"""Who may sign in to the admin of an IM server that runs alone."""

import getpass
import sys
from pathlib import Path

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from accounts.models import User


def let_in(name: str, password_file: str | None) -> User:
    """Make this person, or set the password anew; raises CommandError with the reason."""
    user = User.objects.filter(username=name).first() or User(username=name)
    password = _password(password_file)
    try:
        user.clean_fields(exclude=["password"])
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    user.set_password(password)
    user.is_active = user.is_staff = user.is_superuser = True
    user.save()
    return user


def _password(file: str | None) -> str:
    """What the file holds (- is standard input), or what is typed twice."""
    if file == "-":
        return sys.stdin.read().rstrip("\n")
    if file is not None:
        try:
            return Path(file).read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file}: {error}") from None
    if not sys.stdin.isatty():
        raise CommandError("Without a terminal, give the password with --password-file.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password, again: ") != password:
        raise CommandError("The two are not the same.")
    return password
