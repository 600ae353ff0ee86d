"""How a phone becomes an account's and a station becomes known, by a person's consent each time.

Embedded, the consent is the owner's Allow on the station page; alone, it is a one-time code that an
operator printed. The proof that a key's holder asks is checked before anything is looked up.
"""

import secrets
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import transaction
from django.utils import timezone

from accounts import issuer
from accounts.models import (
    Account,
    EnrolmentCode,
    OneTimeCode,
    Phone,
    RegistrationCode,
    Station,
    User,
    moment,
)
from wire import im, names, proofs
from wire.errors import VerificationFailed
from wire.im import Refusal, Refused
from wire.invitation import station_id, station_id_text
from wire.tokens import thumbprint

ENROLMENT_CODE_LIFE: Final = timedelta(hours=1)
REGISTRATION_CODE_LIFE: Final = timedelta(days=1)
_SUBJECT_BYTES: Final = 16


class Enrolment(NamedTuple):
    """Issuer, account id and the issuer's live public keys: what a phone keeps."""

    iss: str
    sub: str
    keys: list[bytes]


# Phones


def enrol_embedded(user: User, phone_key: bytes, name: str, replaces: str = "") -> Enrolment:
    """Make the key a phone of ``user``'s account; the owner has allowed it and it was proved.

    ``replaces`` is the thumbprint of a phone of the same account that is revoked in this very step.
    Raises :class:`~wire.im.Refused` when the key is revoked or another account's, or when the
    account has no phone to replace: nothing is changed then.
    """
    now = timezone.now()
    with transaction.atomic():
        account = _account_of(user, now)
        _add_phone(account, phone_key, name, now)
        if replaces and replaces != thumbprint(phone_key):
            _retire(account, replaces, now)
    return _enrolment(account, int(now.timestamp()))


def enrol_by_code(request: im.EnrolRequest, now: int) -> im.EnrolReply:
    """Make the key a phone of the account that the code was printed for."""
    _check_proof(request.phone_key, request.proof, im.enrol_code_proof_text(request.code))
    with transaction.atomic():
        account = EnrolmentCode.claim(request.code, moment(now)).account
        _add_phone(account, request.phone_key, request.name, moment(now))
    return im.EnrolReply(*_enrolment(account, now))


def add_account(name: str, now: int) -> Account:
    """Create an account of this IM server that belongs to no site user."""
    return Account.objects.create(
        iss=issuer.current().iss, sub=_new_subject(), name=_shown(name), created=moment(now)
    )


def enrolment_code(account: Account, now: int) -> str:
    """Return a new one-time code, in canonical form, that lets one phone join ``account``."""
    code = im.code_from(secrets.token_bytes(16))
    EnrolmentCode.objects.create(account=account, **_code_fields(code, now, ENROLMENT_CODE_LIFE))
    return code


# Stations


def register_embedded(station_key: bytes, name: str) -> None:
    """Make the station that this process belongs to known; a revoked one stays revoked."""
    _add_station(station_key, name, timezone.now())


def register(request: im.RegisterRequest, now: int) -> im.RegisterReply:
    """Make the station known that holds a registration code and proves its key."""
    _check_proof(request.station_key, request.proof, im.register_proof_text(request.code))
    with transaction.atomic():
        RegistrationCode.claim(request.code, moment(now))
        station = _add_station(request.station_key, request.station_name, moment(now))
        if station.revoked_at is not None:
            raise Refused(Refusal.STATION_REVOKED)
    current = issuer.current()
    return im.RegisterReply(current.iss, current.live_keys(now), now)


def registration_code(now: int) -> str:
    """Return a new one-time code, in canonical form, that lets one station register."""
    code = im.code_from(secrets.token_bytes(16))
    RegistrationCode.objects.create(**_code_fields(code, now, REGISTRATION_CODE_LIFE))
    return code


# What they share


def _account_of(user: User, now: datetime) -> Account:
    iss = issuer.current().iss
    account, _created = Account.objects.get_or_create(
        user=user,
        defaults={"iss": iss, "sub": _new_subject(), "name": user.get_username(), "created": now},
    )
    if account.iss != iss:  # the station was given a new root; its phones enrol again
        account.iss = iss
        account.save(update_fields=["iss"])
    return account


def _add_phone(account: Account, phone_key: bytes, name: str, now: datetime) -> None:
    """Enrolling a key again is harmless and renames it; a revoked key stays revoked."""
    phone, created = Phone.objects.select_for_update().get_or_create(
        thumbprint=thumbprint(phone_key),
        defaults={
            "account": account,
            "public_key": phone_key,
            "name": _shown(name),
            "enrolled": now,
        },
    )
    if phone.account_id != account.pk:
        raise Refused(Refusal.KEY_TAKEN)
    if phone.revoked_at is not None:
        raise Refused(Refusal.PHONE_REVOKED)
    if not created:
        Phone.objects.filter(pk=phone.pk).update(name=_shown(name))


def _retire(account: Account, replaced: str, now: datetime) -> None:
    """One that is revoked already stays as it is."""
    phones = Phone.objects.filter(account=account, thumbprint=replaced)
    if not phones.exists():
        raise Refused(Refusal.PHONE_UNKNOWN)
    phones.revoke(now)


def _add_station(station_key: bytes, name: str, now: datetime) -> Station:
    station, _created = Station.objects.update_or_create(
        station_id=station_id_text(station_id(station_key)),
        defaults={"name": _shown(name)},
        create_defaults={"name": _shown(name), "public_key": station_key, "registered": now},
    )
    return station


def _enrolment(account: Account, now: int) -> Enrolment:
    return Enrolment(account.iss, account.sub, issuer.current().live_keys(now))


def _code_fields(code: str, now: int, life: timedelta) -> dict[str, object]:
    return {
        "code_hash": OneTimeCode.hash_of(code),
        "created": moment(now),
        "expires": moment(now) + life,
    }


def _check_proof(key: bytes, proof: bytes, text: bytes) -> None:
    try:
        proofs.check(key, proof, text)
    except VerificationFailed:
        raise Refused(Refusal.PROOF_WRONG) from None


def _new_subject() -> str:
    return secrets.token_hex(_SUBJECT_BYTES)


def _shown(name: str) -> str:
    """Return a name that cannot mislead a page or a terminal; raises when nothing is left."""
    shown = names.cleaned(name)
    if not shown:
        raise Refused(Refusal.MALFORMED, "A name is needed.")
    return shown
