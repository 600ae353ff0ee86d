"""``manage.py station``: start the station and say where it is."""

import errno
import json
import logging
import threading
from argparse import ArgumentParser
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.db import DatabaseError
from django.utils import timezone

from backupstation import (
    addresses,
    housekeeping,
    listening,
    occupied,
    opening,
    owner,
    prepared,
    recovering,
    roles,
    visits,
    words,
)
from backupstation.https import chosen
from backupstation.https.certificate import CertificateUnusable, Source
from backupstation.told import Told
from transfer import faults
from transfer.models import Vault
from wire.errors import StorageFull, WireError
from wire.memory import keep_large_buffers

log = logging.getLogger(__name__)
_LOOPBACK_ONLY: Final = [
    "  No phone can reach it: it has no address but this computer's own. Connect the computer to",
    "  your network, and let --host or STATION_HOST be 0.0.0.0.",
]


class Command(BaseCommand):
    """Run the station until Ctrl-C or SIGTERM."""

    help = "Start the station: its pages and its listening port."
    _hindered = ""  # why the certificate could not be replaced when that was last tried

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Host and port default to STATION_HOST and STATION_PORT."""
        parser.add_argument("--host", default=settings.STATION_HOST)
        parser.add_argument(
            "--port",
            type=listening.port_number,
            default=settings.STATION_PORT,
            help="0: any free",
        )
        parser.add_argument("--browser", action="store_true", help="open the page in a browser")
        parser.add_argument("--json", action="store_true", help="print one JSON object when ready")
        parser.add_argument(
            "--recover",
            action="store_true",
            help="bring a lost station back from its 24 words and a copy of its store",
        )
        parser.add_argument(
            "--words-file", help="with --recover: a file with the 24 words; - is standard input"
        )

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Bring the database up to date, prepare the roles, and serve."""
        self._options = options
        if options["words_file"] and not options["recover"]:
            raise CommandError("--words-file belongs to --recover.", returncode=words.CANNOT)
        with occupied.by_this_process():
            if self._is_recovered():
                self._run(options)

    def _is_recovered(self) -> bool:
        """Go on with a recovery, if there is one; False when it waits for the store."""
        recover = self._options["recover"]
        with recovering.told_in_sentences():
            if recover:
                recovering.begin(self._options["words_file"], self._tell)
            if not recovering.is_unfinished():
                return True
            if missing := recovering.what_is_missing():
                if not recover:
                    raise CommandError(missing, returncode=words.CANNOT)
                self._tell(missing)
                return False
            recovering.finish(Told(self._people, as_json=False), self._tell)
        return True

    @property
    def _people(self) -> OutputWrapper:
        """Where people are told something: standard output, unless a program reads that."""
        return self.stderr if self._options["json"] else self.stdout

    def _tell(self, text: str) -> None:
        self._people.write(text)
        self._people.flush()

    def _run(self, options: dict[str, Any]) -> None:
        self._prepare()
        self._https = _https_source(options["host"])
        keep_large_buffers()
        from backupstation.asgi import application  # noqa: PLC0415 - after migrations
        from backupstation.server import serve  # noqa: PLC0415 - installs Twisted's reactor

        try:
            serve(
                application,
                options["host"],
                options["port"],
                ready=self._ready,
                certificate=self._https.certificate if self._https else None,
                https_port=settings.STATION_HTTPS_PORT,
            )
        except OSError as error:
            raise CommandError(_unheard(error), returncode=words.CANNOT) from None
        visits.keep()

    def _prepare(self) -> None:
        try:
            prepared.migrate()
            words.refuse_lost_store()
            opening.forget()
            roles.prepare()
        except (DatabaseError, OSError, WireError) as error:
            if not isinstance(faults.as_told(error), StorageFull):
                if isinstance(error, WireError):
                    raise CommandError(
                        f"The station cannot start: {error}.", returncode=words.CANNOT
                    ) from None
                raise
            raise CommandError(
                f"The disk of {settings.STATION_DATA_DIR} is full: make room, and start again."
                " Nothing that was kept is lost.",
                returncode=words.CANNOT,
            ) from None

    def _ready(self, port: int, https_port: int = 0) -> None:
        host = self._options["host"]
        self._ports = port, https_port
        self._announce()
        found = addresses.candidates(bound_to=host)
        local = addresses.origin(found[-1].address, port) if found else f"http://localhost:{port}"
        code = owner.draw_code() if owner.is_missing() else ""
        first = local + (owner.first_run_path(code) if code else "/")
        if self._options["json"]:
            answer = {"origin": local, "port": port, "first_run": first if code else ""}
            secure = found and listening.current().secure_origin(found[-1].address)
            self._say(json.dumps(answer | {"https_port": https_port, "https_origin": secure or ""}))
        else:
            self._explain(first, bool(code), port, found)
        housekeeping.start(self._refresh_https)
        if self._options["browser"]:
            threading.Thread(target=opening.show, args=(first,), daemon=True).start()

    def _explain(self, first: str, new: bool, port: int, found: list[addresses.Candidate]) -> None:
        lines = ["", f"  {settings.STATION_NAME} is running.", ""]
        if new:
            lines += ["  First run: open this link to become its owner (it works once):"]
        lines += [f"  {first}", ""]
        if new and not Vault.objects.exists():
            lines += [
                "  You have the 24 words of an earlier station? Stop this one, and get that back:",
                "    .venv/bin/python manage.py station --recover",
                "",
            ]
        lines += [f"  Listening port: {port}"]
        reached = [one for one in found if not one.address.is_loopback]
        lines += [
            f"  Phones reach it at {addresses.origin(one.address, port)}  ({one.interface})"
            for one in reached
        ]
        lines += _secure_origins(found)
        lines += [f"  Data: {settings.STATION_DATA_DIR}", "", *_help_trusting(port, found)]
        lines += _help_reaching(port) if reached else _LOOPBACK_ONLY
        self._say("\n".join([*lines, "  Ctrl-C stops the station.", ""]))

    def _announce(self) -> None:
        names = self._https.names if self._https else ()
        listening.announce(self._options["host"], *self._ports, names)

    def _refresh_https(self) -> None:
        """Take up another certificate; say once why one cannot be."""
        if self._https is None:
            return
        before, hindered = self._https.names, ""
        try:
            self._https.refresh(timezone.now())
        except (CertificateUnusable, OSError) as error:
            hindered = str(error)
        if hindered not in ("", self._hindered):
            log.warning("the https certificate is not replaced: %s", hindered)
        self._hindered = hindered
        if self._https.names != before:
            self._announce()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _https_source(host: str) -> Source | None:
    """Where the certificate comes from, if there is to be https."""
    try:
        return chosen.source(host, timezone.now())
    except CertificateUnusable as unusable:
        raise CommandError(str(unusable), returncode=words.CANNOT) from None


def _secure_origins(found: list[addresses.Candidate]) -> list[str]:
    here = listening.current()
    if not here.https_port:
        return []
    origins = dict.fromkeys(here.secure_origin(one.address) for one in found)
    shown = [origin for origin in origins if origin]
    return [f"  By https: {one}" for one in shown] or [f"  By https: port {here.https_port}"]


def _help_trusting(port: int, found: list[addresses.Candidate]) -> list[str]:
    """How devices come to trust an authority of the station's own."""
    authority = chosen.authority()
    if authority is None or not listening.current().https_port:
        return []
    place = addresses.origin(found[0].address, port) if found else f"http://localhost:{port}"
    return [
        f"  For https each device must trust this station once: {place}/https/ says how.",
        "  The SHA-256 fingerprint of its certificate, to be compared there:",
        f"  {authority.fingerprint}",
        "",
    ]


def _help_reaching(port: int) -> list[str]:
    return [
        "  A phone cannot reach it? Use the same Wi-Fi, switch off VPNs on the phone, and let",
        f"  TCP port {port} through this computer's firewall.",
    ]


def _unheard(error: OSError) -> str:
    """Why nobody would hear the station; the reason of the system stands below the server's."""
    reason = getattr(error.__cause__, "socketError", error)
    match getattr(reason, "errno", None):
        case errno.EADDRINUSE:
            return (
                f"{error}. Is a station running already? STATION_PORT or --port names another port,"
                " and STATION_HTTPS_PORT that of https."
            )
        case errno.EADDRNOTAVAIL:
            return f"{error}. --host is an address of this machine; see `ip address`."
    return f"{error}."
