"""Accounts, phones, stations, one-time codes, and which phone a session id is bound to.

Keys are public keys; of a one-time code only its SHA-256 is kept (its 100 random bits need no
slower hash). Whoever is revoked stays listed, so that the same key cannot come back unnoticed.
"""

from accounts.models.codes import EnrolmentCode, OneTimeCode, RegistrationCode
from accounts.models.people import (
    ISS_CHARS_MAX,
    Account,
    AccountQuerySet,
    Phone,
    PhoneQuerySet,
    User,
    moment,
)
from accounts.models.stations import Connection, ConnectionQuerySet, Station, StationQuerySet

__all__ = [
    "ISS_CHARS_MAX",
    "Account",
    "AccountQuerySet",
    "Connection",
    "ConnectionQuerySet",
    "EnrolmentCode",
    "OneTimeCode",
    "Phone",
    "PhoneQuerySet",
    "RegistrationCode",
    "Station",
    "StationQuerySet",
    "User",
    "moment",
]
