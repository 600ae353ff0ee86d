"""Registering this station at an IM server that runs elsewhere (protocol section 2)."""

import time
from typing import Final
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from transfer import exchange, station
from transfer.models import Issuer
from wire import im, proofs, tokens
from wire.errors import MalformedMessage, NotAllowed, WireError

_EMBEDDED: Final = "station:"  # the beginning of every embedded issuer's name
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def check_origin(origin: str) -> str:
    """The origin in canonical form; https is required except on loopback."""
    try:
        parts = urlsplit(origin)
        more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
        more = more or parts.port == 0
    except ValueError:  # no host, or no port
        raise NotAllowed(f"{origin!r} is not an origin like https://im.example.org") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or more:
        raise NotAllowed(f"{origin!r} is not an origin like https://im.example.org")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise NotAllowed("an IM server elsewhere must be reached by https")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def register(origin: str, code: str, *, replace_keys: bool = False) -> Issuer:
    """Register with a one-time code; pins issuer and keys, and measures the clock's offset.

    ``replace_keys`` trusts the keys that it tells now, even when none of them was pinned: somebody
    asked its operator. Raises :class:`NotAllowed` when the answer names an issuer that this origin
    cannot be, or other keys.
    """
    origin = check_origin(origin)
    identity = station.identity()
    code = im.canonical_code(code)
    request = im.RegisterRequest(
        code=code,
        station_key=identity.public_key,
        station_name=settings.STATION_NAME,
        proof=proofs.prove(identity.key, im.register_proof_text(code)),
    )
    asked = time.time()
    answer = exchange.call(origin, "POST", im.STATIONS_PATH, im.encode(request))
    reply = im.decode(im.RegisterReply, answer.body)
    _check_name(reply, origin)
    if not replace_keys:
        _check_keys(reply, origin)
    issuer, _created = Issuer.objects.update_or_create(
        iss=reply.iss,
        defaults={
            "origin": origin,
            "keys": [key.hex() for key in reply.keys],
            "registered_at": timezone.now(),
            "left_at": None,
            "clock_offset_seconds": round(reply.server_time - (asked + time.time()) / 2),
        },
    )
    return issuer


def leave(origin: str) -> None:
    """Make no invitation for this IM server's accounts any more; its keys stay pinned.

    What its accounts keep here stays, and is theirs again after registering anew. Raises
    :class:`NotAllowed` when this station is not registered there.
    """
    joined = Issuer.objects.joined().exclude(origin="")
    if not joined.filter(origin=check_origin(origin)).update(left_at=timezone.now()):
        known = ", ".join(joined.values_list("origin", flat=True)) or "no IM server elsewhere"
        raise NotAllowed(f"this station is not registered at {origin}; it is at {known}")


def _check_name(reply: im.RegisterReply, origin: str) -> None:
    """Accounts are named by their issuer: nobody may become an issuer that is known already."""
    if reply.iss.startswith(_EMBEDDED):
        raise NotAllowed(f"{origin} calls itself {reply.iss}: only a station may have such a name")
    for known in Issuer.objects.filter(Q(iss=reply.iss) | Q(origin=origin)):
        if known.origin != origin:
            raise NotAllowed(f"{reply.iss} is known as the IM server at {known.origin}")
        if known.iss != reply.iss:
            raise NotAllowed(f"{origin} was {known.iss} before and is another IM server now")


def _check_keys(reply: im.RegisterReply, origin: str) -> None:
    """Keys follow each other by rotation; after a leak there is no such bridge."""
    for known in Issuer.objects.filter(iss=reply.iss):
        if not {key.hex() for key in reply.keys} & set(known.keys):
            raise NotAllowed(
                f"{origin} has none of the keys that this station pinned. If its operator confirms"
                " that they were replaced, register with --replace-keys and a new code"
            )


def refresh(issuer: Issuer) -> None:
    """Fetch the issuer's keys again: a rotation publishes the next one before it signs.

    At least one pinned key must still be published, or nothing is changed. Clocks drift: how far
    the two are apart is measured again.
    """
    asked = time.time()
    answer = exchange.call(issuer.origin, "GET", im.KEYS_PATH)
    keys = [key.hex() for key in _published(answer.body)]
    if not set(keys) & set(issuer.keys):
        raise NotAllowed("the IM server publishes none of the keys that this station pinned")
    offset = issuer.clock_offset_seconds
    if answer.date is not None:
        offset = round(answer.date - (asked + time.time()) / 2)
    Issuer.objects.filter(pk=issuer.pk).update(keys=keys, clock_offset_seconds=offset)


def _published(body: bytes) -> list[bytes]:
    try:
        return tokens.keys_from_jwk_set(msgspec.json.decode(body))
    except msgspec.DecodeError as error:
        raise MalformedMessage(f"JWK set: {error}") from None


def refresh_all() -> dict[str, str]:
    """Refresh every issuer elsewhere; what failed, by origin."""
    failed = {}
    for issuer in Issuer.objects.joined().exclude(origin=""):
        try:
            refresh(issuer)
        except WireError as error:
            failed[issuer.origin] = str(error)
    return failed
