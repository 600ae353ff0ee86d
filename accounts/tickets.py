"""Authenticate a scanned invitation; issue connection indication and ticket (patent claims 2, 7).

The checks run in the order of docs/protocol.md section 2; each refusal has its own name. No key is
used inside a database transaction.
"""

import hashlib
import logging
import secrets
from typing import Final

from django.db import transaction
from django.dispatch import Signal

from accounts import issuer
from accounts.issuer import Issuer
from accounts.models import Connection, Phone, Station, moment
from wire import proofs
from wire.errors import VerificationFailed
from wire.im import ConnectReply, ConnectRequest, Refusal, Refused, connect_proof_text
from wire.invitation import InvitationRefused, PublicPart
from wire.limits import INDICATION_SECONDS, TICKET_SECONDS
from wire.messages import Scope
from wire.tokens import Indication, Ticket, b64u, sign

logger = logging.getLogger(__name__)

# Sent with session_id: bytes, scope: "backup" | "restore", thumbprint: str (the phone key's).
connection_confirmed: Final = Signal()
# Sent with session_id: bytes, refused: Refused; only for invitations that their station has signed.
connection_refused: Final = Signal()

_JTI_BYTES: Final = 16


def connect(request: ConnectRequest, now: int) -> ConnectReply:
    """Answer a phone that scanned an invitation; ``now`` is seconds since 1970.

    The same phone may ask again (a lost reply strands nobody) and gets a fresh ticket. Raises
    :class:`~wire.im.Refused`.
    """
    invitation = _decoded(request.public_part)
    station = Station.objects.by_id(invitation.station_id)
    _check_signature(invitation, station)
    try:
        return _answer(request, invitation, station, now)
    except Refused as refused:
        connection_refused.send_robust(
            sender=Connection, session_id=invitation.session_id, refused=refused
        )
        raise


def _answer(
    request: ConnectRequest, invitation: PublicPart, station: Station, now: int
) -> ConnectReply:
    _check_invitation(invitation, now)
    current = issuer.current()
    phone = Phone.objects.by_key(request.phone_key)
    _check_phone(request, phone, current.iss)
    if request.scope not in invitation.scope.names():
        raise Refused(Refusal.SCOPE_NOT_ALLOWED)
    with transaction.atomic():
        expires = moment(invitation.expires)
        Connection.objects.bind(station, invitation.session_id, phone, request.scope, expires)
        Connection.objects.over(moment(now)).delete()
        Phone.objects.filter(pk=phone.pk).update(last_seen=moment(now))
        _confirm(invitation.session_id, request.scope, phone)
    return _reply(request, invitation, station, phone, current, now)


def _decoded(public_part: bytes) -> PublicPart:
    try:
        return PublicPart.decode(public_part)
    except InvitationRefused as error:
        raise Refused(Refusal.MALFORMED, f"The QR code is not readable: {error}.") from None


def _check_signature(invitation: PublicPart, station: Station) -> None:
    try:
        invitation.verify(bytes(station.public_key))
    except VerificationFailed:
        raise Refused(Refusal.SIGNATURE_WRONG) from None


def _check_invitation(invitation: PublicPart, now: int) -> None:
    try:
        invitation.check_fresh(now)
    except InvitationRefused:
        raise Refused(Refusal.INVITATION_EXPIRED) from None
    try:
        invitation.check_addresses()
    except InvitationRefused:
        raise Refused(Refusal.ADDRESS_PUBLIC) from None


def _check_phone(request: ConnectRequest, phone: Phone, iss: str) -> None:
    if phone.account.iss != iss:
        raise Refused(Refusal.PHONE_UNKNOWN)
    text = connect_proof_text(iss, request.public_part, request.scope)
    try:
        proofs.check(request.phone_key, request.proof, text)
    except VerificationFailed:
        raise Refused(Refusal.PROOF_WRONG) from None


def _reply(
    request: ConnectRequest,
    invitation: PublicPart,
    station: Station,
    phone: Phone,
    current: Issuer,
    now: int,
) -> ConnectReply:
    key = current.signing_key(now)
    indication = Indication(
        iss=current.iss,
        station_id=station.station_id,
        station_name=station.name,
        station_key=b64u(bytes(station.public_key)),
        sid=b64u(invitation.session_id),
        addresses=[str(address) for address in invitation.addresses],
        port=invitation.port,
        exp=now + INDICATION_SECONDS,
    )
    ticket = Ticket(
        iss=current.iss,
        sub=phone.account.sub,
        aud=station.station_id,
        sid=b64u(invitation.session_id),
        jti=b64u(secrets.token_bytes(_JTI_BYTES)),
        iat=now,
        exp=now + TICKET_SECONDS,
        cnf=phone.thumbprint,
        spk=b64u(hashlib.sha256(invitation.invitation_key).digest()),
        inv=b64u(hashlib.sha256(request.public_part).digest()),
        scope=request.scope,
    )
    return ConnectReply(sign(indication, key), sign(ticket, key))


def _confirm(session_id: bytes, scope: Scope, phone: Phone) -> None:
    """Tell whoever shows the trail, in the same transaction: another commit would cost a sync.

    A listener that fails does not cost the phone its ticket.
    """
    connection_confirmed.send_robust(
        sender=Connection, session_id=session_id, scope=scope, thumbprint=phone.thumbprint
    )
    logger.info("confirmed session %s for phone %s", session_id.hex(), phone.thumbprint)
