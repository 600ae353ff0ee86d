"""From a scanned invitation to a verified connection, step by step (protocol sections 2 to 4).

The IM server authenticates the invitation and answers with the connection indication and the
ticket; only then does the phone connect. What the indication says must agree with what was scanned.
"""

from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from phone import im
from phone.connection import open_connection
from phone.errors import CutOff, NotPermitted, Untrusted
from phone.events import OwnerAsked, Tell, Verified
from phone.link import Link
from phone.session import Session
from phone.state import Enrolment, Identity
from wire import handshake, messages, proofs, tokens
from wire.errors import TokenRefused, VerificationFailed
from wire.handshake import PhoneHandshake
from wire.im import ConnectReply, ConnectRequest, connect_proof_text
from wire.invitation import Invitation, station_id, station_id_text

_E = TypeVar("_E", bound=handshake.Event)


def open_session(link: Link, scope: messages.Scope, identity: Identity, tell: Tell) -> Session:
    """Have the invitation authenticated, connect, verify each other (claims 1, 2 and 4).

    Raises :class:`Untrusted`, :class:`VerificationFailed`, :class:`Unreachable`,
    :class:`NotPermitted`, :class:`CutOff`, or the IM server's :class:`wire.im.Refused`.
    """
    if scope not in link.invitation.scope.names():
        allowed = " and ".join(link.invitation.scope.names())
        raise NotPermitted(f"This link is for {allowed}, not for {scope}.")
    reply, indication = _authenticate(link, scope, identity)
    shaking = _Shaking(link.invitation, identity.key, tell)
    try:
        shaking.await_event(handshake.Connected)
        shaking.handshake.present(reply.ticket, indication, identity.enrolment.sub)
        shaking.await_event(handshake.SecondAccepted)
        terms = shaking.await_event(handshake.Opened).terms
        if terms.scope != scope:
            raise VerificationFailed("the station opened another scope")
    except BaseException:
        shaking.connection.abort()
        shaking.connection.close()
        raise
    tell(Verified(terms.station_name, str(shaking.connection.address)))
    key = tokens.unb64u(indication.station_key)
    return Session(link, shaking.connection, shaking.handshake, terms, key)


def enrol_by_invitation(
    link: Link, key: Ed25519PrivateKey, name: str, tell: Tell
) -> messages.Enrolled:
    """Ask the station's owner to let this phone in; the answer holds an invitation to go on with.

    Only where the station plays the IM server's role. Raises as :func:`open_session` does, and
    :class:`wire.errors.NotAllowed` when the owner refuses.
    """
    shaking = _Shaking(link.invitation, key, tell)
    try:
        shaking.await_event(handshake.Connected)
        shaking.handshake.enrol(name)
        grant = shaking.await_event(handshake.EnrolledAs).grant
    except BaseException:
        shaking.connection.abort()
        raise
    finally:
        shaking.connection.close()
    if grant.iss != link.embedded_iss:
        raise Untrusted("The station enrolled this phone at another issuer than itself.")
    return grant


def _authenticate(
    link: Link, scope: messages.Scope, identity: Identity
) -> tuple[ConnectReply, tokens.Indication]:
    """Send the connection authentication information; check that the indication agrees with it."""
    link.invitation.check_addresses()
    if link.invitation.im_origin != identity.enrolment.im_origin:
        raise Untrusted("The station leads to another IM server than this phone is enrolled at.")
    public_part = link.invitation.public_part()
    text = connect_proof_text(identity.enrolment.iss, public_part, scope)
    proof = proofs.prove(identity.key, text)
    request = ConnectRequest(public_part, identity.public_key, scope, proof)
    reply = im.connect(link.im_origin, request)
    indication = _read_indication(reply.indication, identity)
    _check_indication(link.invitation, indication, identity.enrolment)
    return reply, indication


def _read_indication(token: str, identity: Identity) -> tokens.Indication:
    """Check the signature; an IM server elsewhere may have rotated its keys since they were pinned.

    New keys are believed where at least one of the old ones is still published beside them.
    """
    enrolment = identity.enrolment
    try:
        return tokens.verify(token, tokens.Indication, enrolment.keys)
    except TokenRefused:
        if not enrolment.im_origin:
            raise
    keys = im.keys(enrolment.im_origin)
    if not set(keys) & set(enrolment.keys):
        raise Untrusted(f"{enrolment.im_origin} has other keys than when this phone was enrolled.")
    indication = tokens.verify(token, tokens.Indication, keys)
    identity.home.remember(msgspec.structs.replace(enrolment, keys=keys))
    return indication


def _check_indication(
    invitation: Invitation, indication: tokens.Indication, enrolment: Enrolment
) -> None:
    """Raise a refusal unless the indication speaks of what was scanned."""
    key = tokens.unb64u(indication.station_key)
    agrees = (
        indication.iss == enrolment.iss
        and indication.sid == tokens.b64u(invitation.session_id)
        and indication.station_id == station_id_text(invitation.station_id)
        and station_id(key) == invitation.station_id
        and indication.port == invitation.port
        and indication.addresses == [str(address) for address in invitation.addresses]
    )
    if not agrees:
        raise Untrusted("The IM server speaks of another station than the QR code.")
    invitation.public().verify(key)


class _Shaking:
    """A handshake under way over a connection."""

    def __init__(self, invitation: Invitation, key: Ed25519PrivateKey, tell: Tell) -> None:
        self.connection = open_connection(invitation)
        self.handshake = PhoneHandshake(invitation, key, X25519PrivateKey.generate())
        self._tell = tell
        self.handshake.hello()
        self._flush()

    def await_event(self, kind: type[_E]) -> _E:
        """Go on until this happens; what else happens is told, or refused."""
        while True:
            self._flush()
            event = self.handshake.receive(self.connection.receive_or_ping(self._ping))
            if isinstance(event, kind):
                self._flush()
                return event
            if isinstance(event, handshake.Waiting):
                self._tell(OwnerAsked(event.reason, self.handshake.digits, event.seconds))
            elif isinstance(event, handshake.Left):
                raise CutOff("The station ended the connection.")
            elif event is not None:
                raise VerificationFailed("the station skipped a step")

    def _ping(self) -> None:
        self.handshake.ping()
        self._flush()

    def _flush(self) -> None:
        for message in self.handshake.data_to_send():
            self.connection.send(message)
