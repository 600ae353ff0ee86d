"""Ties the IM server that runs in this process to the station, through their public functions.

The station still trusts tickets only because of the issuer key that it pins: ``accounts`` and
``transfer`` never import each other (house rule: the roles are separate).
"""

from contextlib import suppress
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from accounts import enrolment as enrolments
from accounts import issuer
from accounts.models import Phone, User
from accounts.tickets import connection_confirmed, connection_refused
from transfer import approvals, enrolment, ingest, invitations, receipts, standing, station, trail
from transfer.models import Invitation, Issuer, Step
from wire.errors import StorageFull
from wire.im import Refused


def tie() -> None:
    """Register the functions that carry out one role's wishes in the other."""
    if settings.STATION_ROLE != "station":
        return
    issuer.configure(_embedded_issuer)
    enrolment.wire_to(_enrol)
    standing.wire_to(_check_standing)
    connection_confirmed.connect(_confirmed, dispatch_uid="trail")
    connection_refused.connect(_refused, dispatch_uid="trail")


def _embedded_issuer() -> issuer.Issuer:
    identity = station.identity()
    return issuer.Issuer.single(embedded_iss(), identity.root.issuer_key())


def embedded_iss() -> str:
    """The issuer name of the IM server inside this station; never an address."""
    return f"station:{station.identity().station_id_text}"


def _enrol(owner: AbstractBaseUser, phone_key: bytes, name: str, replaces: str) -> enrolment.Grant:
    enrolled = enrolments.enrol_embedded(cast(User, owner), phone_key, name, replaces)
    return enrolment.Grant(enrolled.iss, enrolled.sub, enrolled.keys)


def _check_standing(iss: str, phone_key: bytes) -> None:
    """Of the phones of an IM server elsewhere nothing is known here."""
    if iss == embedded_iss():
        Phone.objects.by_key(phone_key)


def _confirmed(session_id: bytes, **_details: Any) -> None:  # noqa: ANN401 - a signal's arguments
    key = session_id.hex()
    if Invitation.objects.filter(pk=key).exists():
        with transaction.atomic():
            trail.record_once(key, Step.SCANNED)
            trail.record_once(key, Step.CONFIRMED)


def _refused(session_id: bytes, refused: Refused, **_details: Any) -> None:  # noqa: ANN401 - as above
    """Each reason once: whoever repeats a call does not fill the trail."""
    key = session_id.hex()
    if Invitation.objects.filter(pk=key).exists():
        detail = {"cause": refused.refusal.value}
        trail.record_once(key, Step.REFUSED, detail, reason=str(refused), code=refused.code)


def prepare() -> None:
    """What a station does before it opens its port: pin, register, settle, sweep."""
    identity = station.identity()
    key = identity.root.issuer_key().public_key().public_bytes_raw()
    Issuer.objects.update_or_create(
        iss=embedded_iss(), defaults={"origin": "", "keys": [key.hex()]}
    )
    enrolments.register_embedded(identity.public_key, settings.STATION_NAME)
    identity.backend.sweep_spool()
    with suppress(StorageFull):  # people restore from a full disk as well
        identity.backend.spool()
    receipts.settle_all()
    ingest.cut_abandoned()
    approvals.withdraw_abandoned()
    invitations.end_abandoned()
    invitations.sweep(timezone.now())
