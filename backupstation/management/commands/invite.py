"""``manage.py invite``: an invitation without a screen, as a link and a QR code in the terminal."""

import io
import json
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import qrcode
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from backupstation import addresses, listening, prepared, words
from backupstation.listening import Listening
from transfer import faults, invitations
from transfer.models import Issuer, Snapshot
from wire import limits
from wire.errors import WireError
from wire.invitation import Invitation, Scope
from wire.messages import Binding

_SCOPES = {"backup": Scope.BACKUP, "restore": Scope.RESTORE, "both": Scope.BACKUP | Scope.RESTORE}

_SNAPSHOT_CHARS_MIN = 8
_ANSWER_SECONDS = 2.0


class Command(BaseCommand):
    """Print one invitation."""

    help = "Print an invitation: the link for a phone's command line, and the QR code."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Everything has a default on a station with one owner."""
        parser.add_argument("--account", help="the site user whose invitation it is")
        parser.add_argument("--scope", choices=sorted(_SCOPES), default="both")
        parser.add_argument("--address", help="the address that the QR code names")
        parser.add_argument(
            "--port",
            type=listening.port_number,
            help="where phones reach the station, if a router maps its port",
        )
        parser.add_argument(
            "--https", action="store_true", help="a link by https, for phones that trust it"
        )
        parser.add_argument(
            "--im",
            metavar="ORIGIN",
            help="for accounts of this IM server; inside: the station's own",
        )
        parser.add_argument(
            "--snapshot", default="", help="restore this snapshot alone (8 characters do)"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Issue and print."""
        prepared.database()
        words.refuse_lost_store()
        words.require_started()
        owner = self._owner(options["account"])
        where = listening.current()
        found = [one.address for one in addresses.candidates(bound_to=where.host)]
        if options["address"]:
            found = [one for one in found if str(one) == options["address"]]
        if not found:
            raise CommandError("This machine has no such address; see `ip address`.")
        chosen = found[: limits.INVITATION_ADDRESSES_MAX]
        port = options["port"] or where.port
        origin = addresses.origin(chosen[0], port)
        if options["https"]:
            origin = _secure_origin(where, chosen[0])
        try:
            invitation = _issue(owner, chosen, port, options)
        except (DatabaseError, WireError) as error:
            told = faults.as_told(error)
            raise CommandError(
                f"No invitation was made: {told}.", returncode=words.returncode(told)
            ) from None
        if not _answers(chosen[0], where.port):
            self.stderr.write(
                f"Nothing answers at {addresses.origin(chosen[0], where.port)}: start the station"
                " with `manage.py station` before a phone uses this link."
            )
        self._tell(invitation, origin, as_json=options["json"])

    def _tell(self, invitation: Invitation, origin: str, *, as_json: bool) -> None:
        link = invitation.link(origin)
        if as_json:
            scope, im = invitation.scope.names(), invitation.im_origin
            answer = {"link": link, "expires": invitation.expires, "scope": scope, "im": im}
            self.stdout.write(json.dumps(answer))
            return
        code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_L, border=2)
        code.add_data(link)
        drawn = io.StringIO()  # line by line: Django's stdout ends every write with a new line
        code.print_ascii(out=drawn, invert=sys.stdout.isatty())
        self.stdout.write(drawn.getvalue())
        place = Issuer.objects.current(invitation.im_origin).place
        self.stdout.write(f"{link}\n\nValid once, for {limits.INVITATION_SECONDS} seconds,")
        self.stdout.write(f"for accounts of {place}.")

    def _owner(self, name: str | None) -> AbstractBaseUser:
        users = get_user_model()._default_manager.all()
        if name:
            users = users.filter(username=name)
        found = list(users.order_by("pk")[:2])
        if not found and name and get_user_model()._default_manager.exists():
            raise CommandError(f"This station has no user {name}.")
        if not found:
            raise CommandError(
                "This station has no owner yet: open the link that its start prints, or make one"
                " with `manage.py createsuperuser`."
            )
        if len(found) > 1 and not name:
            raise CommandError("This station has several users: choose one with --account NAME.")
        return found[0]


def _secure_origin(where: Listening, address: IPv4Address | IPv6Address) -> str:
    origin = where.secure_origin(address)
    if origin:
        return origin
    if where.https_port:
        raise CommandError(f"The station's certificate is not for {address}.")
    raise CommandError("https is off: start the station with STATION_HTTPS=auto.")


def _answers(address: IPv4Address | IPv6Address, port: int) -> bool:
    """Whether anything listens where the link leads."""
    try:
        socket.create_connection((str(address), port), timeout=_ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def _issue(
    owner: AbstractBaseUser,
    chosen: Sequence[IPv4Address | IPv6Address],
    port: int,
    options: dict[str, Any],
) -> Invitation:
    binding = _binding(owner, options["snapshot"])
    return invitations.issue(
        owner,
        scope=Scope.RESTORE if binding else _SCOPES[options["scope"]],
        addresses=chosen,
        port=port,
        im_origin=_im_origin(options["im"]),
        binding=binding,
    )


def _im_origin(name: str | None) -> str | None:
    """The origin that is meant; None for the usual one."""
    if name is None:
        return None
    origin = "" if name == "inside" else name
    if not Issuer.objects.joined().filter(origin=origin).exists():
        raise CommandError(f"This station is not registered at {name}.")
    return origin


def _binding(owner: AbstractBaseUser, snapshot: str) -> Binding | None:
    """The owner's snapshot of which this is the id, or how it begins; None without one."""
    if not snapshot:
        return None
    if len(snapshot) < _SNAPSHOT_CHARS_MIN:
        raise CommandError(f"Give at least {_SNAPSHOT_CHARS_MIN} characters of the snapshot's id.")
    own = Snapshot.objects.receipted().filter(vault__owner_id=owner.pk)
    found = own.filter(snapshot_id__istartswith=snapshot)[:2]
    if not found:
        raise CommandError(f"No snapshot of {owner} has an id that begins with {snapshot}.")
    if len(found) > 1:
        raise CommandError(f"Several snapshots begin with {snapshot}: give the whole id.")
    return Binding(found[0].snapshot_id)
