"""Embedded enrolment: the owner allows a phone, and the IM server inside this station enrols it.

``transfer`` does not know the IM server; the station wires the function that enrols (house rule:
the arrows stay).
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser

from wire.errors import NotAllowed


@dataclass(frozen=True)
class Grant:
    """The account that a phone now belongs to; ``keys`` are the issuer's public keys."""

    iss: str
    sub: str
    keys: list[bytes]


Enrol = Callable[[AbstractBaseUser, bytes, str, str], Grant]


def _refuse(_owner: AbstractBaseUser, _phone_key: bytes, _name: str, _replaces: str) -> Grant:
    raise NotAllowed("this station's IM server runs elsewhere: enrol with its one-time code")


_enrol: Enrol = _refuse


def wire_to(enrol: Enrol) -> None:
    """Set the function that makes a public key (32 bytes) a phone of this owner's account.

    Its last argument is the thumbprint of the phone that the new one replaces, or "".
    """
    global _enrol
    _enrol = enrol


def enrol(owner: AbstractBaseUser, phone_key: bytes, name: str, replaces: str = "") -> Grant:
    """Enrol the phone that the owner allowed, and revoke the one that it replaces: both or none."""
    return _enrol(owner, phone_key, name, replaces)
