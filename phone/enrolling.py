"""How this phone becomes an account's: by the owner's Allow, or by a one-time code."""

import socket

from phone import im
from phone.errors import NotEnrolled, Untrusted, Usage
from phone.events import Enrolled, Tell, ignore
from phone.link import Link
from phone.state import Enrolment, Home, Identity
from phone.verification import enrol_by_invitation
from wire import limits, names, proofs
from wire.im import EnrolRequest, canonical_code, enrol_code_proof_text
from wire.invitation import Invitation


def default_name() -> str:
    """What this phone is called when nobody names it: the machine's name."""
    return socket.gethostname()[: limits.NAME_CHARS_MAX] or "phone"


def identity_for(link: Link, home: Home) -> Identity | None:
    """This phone as the account that the link's IM server knows; None when not enrolled there."""
    if link.invitation.im_origin:
        enrolment = home.enrolment(im_origin=link.invitation.im_origin)
    else:
        enrolment = home.enrolment(iss=link.embedded_iss)
    return None if enrolment is None else Identity(home.key(), enrolment, home)


def enrol(link: Link, home: Home, *, name: str = "", tell: Tell = ignore) -> tuple[Identity, Link]:
    """Ask the station's owner to let this phone in; returns the link to go on with.

    Where accounts are those of a separate IM server, there is nothing to ask: this phone belongs
    to one already, or :class:`NotEnrolled` is raised, because a code is wanted there. Raises
    :class:`wire.errors.NotAllowed` when the owner refuses, and what connecting raises.
    """
    if origin := link.invitation.im_origin:
        if (known := identity_for(link, home)) is not None:
            return known, link
        raise NotEnrolled(
            f"This station's accounts are those of the IM server {origin}. Enrol there with a"
            f" one-time code: python -m phone enrol --im {origin} --code CODE"
        )
    key = home.key()
    called = _checked_name(name)
    grant = enrol_by_invitation(link, key, called, tell)
    enrolment = Enrolment(grant.iss, grant.sub, grant.keys, "", grant.station_name, called)
    home.remember(enrolment)
    tell(Enrolled(grant.station_name))
    return Identity(key, enrolment, home), Link(link.origin, Invitation.decode(grant.invitation))


def enrol_by_code(origin: str, code: str, home: Home, *, name: str = "") -> Identity:
    """Enrol at a separate IM server with the code that it printed for an account.

    Raises :class:`wire.im.Refused`, :class:`phone.errors.Unreachable` or ``Untrusted``.
    """
    key = home.key()
    typed = canonical_code(code)
    proof = proofs.prove(key, enrol_code_proof_text(typed))
    public = key.public_key().public_bytes_raw()
    origin = origin.rstrip("/")
    called = _checked_name(name)
    reply = im.enrol(origin, EnrolRequest(typed, public, called, proof))
    _check_issuer(reply.iss, origin, home)
    enrolment = Enrolment(reply.iss, reply.sub, reply.keys, origin, name=called)
    home.remember(enrolment)
    return Identity(key, enrolment, home)


def _check_issuer(iss: str, origin: str, home: Home) -> None:
    """An IM server must not take the name of a station, or of an issuer known elsewhere."""
    known = home.enrolment(iss=iss)
    if iss.startswith("station:") or (known is not None and known.im_origin != origin):
        raise Untrusted(f"{origin} calls itself by another issuer's name ({iss}).")


def ready(link: Link, home: Home, *, name: str = "", tell: Tell = ignore) -> tuple[Identity, Link]:
    """This phone's identity for the link; enrols first, as ``name``, where it must."""
    identity = identity_for(link, home)
    return (identity, link) if identity is not None else enrol(link, home, name=name, tell=tell)


def _checked_name(name: str) -> str:
    chosen = name.strip() or default_name()
    if not names.is_name(chosen):
        raise Usage(f"A phone's name has at most {limits.NAME_CHARS_MAX} printable characters.")
    return chosen
