"""What a station page's QR code says: the address it names, what it permits, who confirms it."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from backupstation import addresses, hosts, listening, qr
from backupstation.addresses import Candidate
from backupstation.bound import bound
from transfer import invitations, models
from wire import limits
from wire.errors import WireError
from wire.invitation import Scope, parse_link
from wire.messages import Binding

SCOPES: Final = {
    "both": Scope.BACKUP | Scope.RESTORE,
    "backup": Scope.BACKUP,
    "restore": Scope.RESTORE,
}
_ROTATION: Final = timedelta(seconds=limits.INVITATION_ROTATION_SECONDS)


@dataclass(frozen=True)
class Choice:
    """What the person chose on the page; anything unknown counts as not chosen.

    ``im_origin`` is empty for the IM server inside this station, and None when nothing was chosen.
    ``scheme`` is that of the link: https is for phones that trust the station's certificate.
    ``snapshot`` and ``conversation`` bind a restore code to that snapshot, and to that conversation
    in it; then the scope is no choice.
    """

    address: str = ""
    scope: str = "both"
    im_origin: str | None = None
    scheme: str = "http"
    snapshot: str = ""
    conversation: str = ""


@dataclass(frozen=True)
class Shown:
    """One QR code on a page."""

    session_id: str
    link: str
    candidate: Candidate
    port: int
    scope: str
    im_origin: str
    issued_at: datetime
    is_bound: bool = False

    @property
    def next_at(self) -> datetime:
        """When the next code takes its place."""
        return self.issued_at + _ROTATION

    @property
    def seconds_left(self) -> int:
        """Until then, from now."""
        return max(0, math.ceil((self.next_at - timezone.now()).total_seconds()))

    @cached_property
    def drawing(self) -> qr.Drawing:
        """The code itself."""
        return qr.draw(self.link)

    @property
    def is_secure(self) -> bool:
        """Whether the link is one of https."""
        return self.link.startswith("https:")

    @property
    def place(self) -> SplitResult:
        """Host and port of the link, where the phone page is."""
        return urlsplit(self.link)

    @property
    def command(self) -> str:
        """What to type on a phone without a camera, or on another PC."""
        own = self.is_secure and settings.STATION_HTTPS == "auto"
        trusting = " --ca backup-station.crt" if own else ""
        if self.is_bound:
            return f".venv/bin/python -m phone restore '{self.link}' --to DIR{trusting}"
        if self.scope == "restore":
            return f".venv/bin/python -m phone restore '{self.link}' ID --to DIR{trusting}"
        return f".venv/bin/python -m phone backup '{self.link}' PATH{trusting}"

    @property
    def is_for_this_computer_only(self) -> bool:
        """Whether no phone can reach the address."""
        return self.candidate.kind is addresses.Kind.LOOPBACK


def candidates() -> list[Candidate]:
    """The addresses on which the running station answers."""
    return addresses.candidates(listening.current().host)


def default_address(host: str) -> str:
    """The page's own address when it is one that phones reach too; else the likeliest one."""
    named = hosts.split_host(host)
    known = [str(one.address) for one in candidates() if one.kind is not addresses.Kind.LOOPBACK]
    return named[0] if named and named[0] in known else ""


def is_https_on() -> bool:
    """Whether the link may be one of https, at one of the addresses at least."""
    here = listening.current()
    return any(here.secure_origin(one.address) for one in candidates())


def issuers() -> list[str]:
    """Origins of the IM servers that may confirm a code; "" is the one inside this station."""
    return list(models.Issuer.objects.joined().order_by("origin").values_list("origin", flat=True))


def show(owner: AbstractBaseUser, choice: Choice) -> Shown | None:
    """Issue an invitation for this choice; None when the machine has no usable address.

    Raises ``Snapshot.DoesNotExist`` when it is to be bound to what this owner does not have.
    """
    found = candidates()
    if not found:
        return None
    candidate = next((one for one in found if str(one.address) == choice.address), found[0])
    binding = binding_of(owner, choice)
    scope = "restore" if binding else choice.scope if choice.scope in SCOPES else "both"
    im_origin = choice.im_origin if choice.im_origin in issuers() else None
    here = listening.current()
    invitation = invitations.issue(
        owner,
        scope=SCOPES[scope],
        addresses=[candidate.address],
        port=here.port,
        im_origin=im_origin,
        binding=binding,
    )
    secure = here.secure_origin(candidate.address) if choice.scheme == "https" else ""
    link = invitation.link(secure or addresses.origin(candidate.address, here.port))
    session_id = invitation.session_id.hex()
    return Shown(
        session_id,
        link,
        candidate,
        here.port,
        scope,
        invitation.im_origin,
        timezone.now(),
        is_bound=binding is not None,
    )


def binding_of(owner: AbstractBaseUser, choice: Choice) -> Binding | None:
    """What this choice limits a code to; raises ``Snapshot.DoesNotExist``."""
    if not choice.snapshot:
        return None
    return bound(owner, choice.snapshot, choice.conversation).binding


def adopted(owner: AbstractBaseUser, link: str, choice: Choice) -> Shown | None:
    """The code that a page shows already, when it is this owner's, fresh, and nobody used it.

    It has to be bound as the page's choice says. Raises ``Snapshot.DoesNotExist`` as ``show`` does.
    """
    try:
        origin, invitation = parse_link(link)
    except WireError:
        return None
    session_id = invitation.session_id.hex()
    fresh = models.Invitation.objects.awaiting_contact(timezone.now())
    row = fresh.filter(session_id=session_id, owner_id=owner.pk).first()
    named = [one for one in candidates() if one.address in invitation.addresses]
    if row is None or bytes(row.public_part) != invitation.public_part() or not named:
        return None
    binding = binding_of(owner, choice)
    if invitations.binding_of(row) != binding:
        return None
    scope = next(name for name, bits in SCOPES.items() if bits == invitation.scope)
    link = invitation.link(origin)
    return Shown(
        session_id,
        link,
        named[0],
        invitation.port,
        scope,
        invitation.im_origin,
        row.created_at,
        is_bound=binding is not None,
    )
