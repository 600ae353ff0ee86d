"""``manage.py imserver``: an IM server of its own, with its own folder, database and keys.

It serves any number of stations. The folder is STATION_DATA_DIR; the database and the first key
are made when they are missing.
"""

import json
import time
from argparse import ArgumentParser
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management.base import BaseCommand, CommandError

from accounts import enrolment, issuer
from accounts.keyring import Keyring, RotationUnderWayError
from accounts.models import Account, Phone, Station, User, moment
from backupstation import listening, prepared
from backupstation.imserver import owner
from wire import im
from wire.im import Refused
from wire.tokens import b64u

Answer = dict[str, Any]
_DEFAULT_PORT: Final = 8766
_TIME: Final = "%Y-%m-%d %H:%M UTC"


class Command(BaseCommand):
    """Runs the IM server alone, and does what its operator needs."""

    help = "The IM server alone: run it, add accounts, print one-time codes, rotate its keys."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare one subcommand for each thing an operator does."""
        actions = parser.add_subparsers(dest="action", required=True)
        helps = {
            "run": "serve /im/v1/ and the admin",
            "owner": "let a person sign in to the admin, or set a forgotten password",
            "account": "add an account",
            "code": "print a one-time code by which one phone joins an account",
            "station-code": "print a one-time code by which one station registers",
            "phones": "list phones",
            "stations": "list stations",
            "revoke-phone": "refuse a lost phone from now on",
            "revoke-station": "confirm no QR code of a station from now on",
            "rotate": "publish a new issuer key, which signs after a week",
        }
        parsers = {name: actions.add_parser(name, help=text) for name, text in helps.items()}
        for action in parsers.values():
            action.add_argument("--json", action="store_true", help="print one JSON object")
        parsers["owner"].add_argument("name")
        parsers["owner"].add_argument("--password-file", help="- is standard input")
        parsers["account"].add_argument("name")
        parsers["code"].add_argument("account", help="the account's name, or its subject")
        parsers["revoke-phone"].add_argument("thumbprint", help="or a start of it that is unique")
        parsers["revoke-station"].add_argument("station_id", help="or a start of it")
        parsers["rotate"].add_argument(
            "--leaked", action="store_true", help="forget all older keys at once"
        )
        _add_run_arguments(parsers["run"])

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Prepare folder, keys and database, then do what was asked."""
        self._keyring = Keyring(settings.STATION_DATA_DIR)
        self._keyring.create_if_missing()
        issuer.configure(self._keyring.issuer)
        if prepared.is_behind():
            prepared.migrate()
        action = getattr(self, "_" + options["action"].replace("-", "_"))
        try:
            answer, lines = action(options, int(time.time()))
        except Refused as error:
            raise CommandError(str(error)) from None
        self._say(options, answer, lines)

    def _say(self, options: Answer, answer: Answer, lines: list[str]) -> None:
        self.stdout.write(json.dumps(answer) if options["json"] else "\n".join(lines))
        self.stdout.flush()

    def _run(self, options: Answer, _now: int) -> tuple[Answer, list[str]]:
        _require_safe_address(options)
        # Both install Twisted's reactor.
        from backupstation.imserver.serving import ImServer  # noqa: PLC0415
        from backupstation.tls import Certificate  # noqa: PLC0415

        try:
            certificate = None
            if options["certificate"]:
                certificate = Certificate(
                    Path(options["certificate"]), Path(options["private_key"])
                )
            server = ImServer(
                get_asgi_application(), certificate, behind_proxy=options["behind_proxy"]
            )
            server.listen_and_run(options["host"], options["port"], partial(self._ready, options))
        except (OSError, ValueError) as error:
            raise CommandError(f"The IM server cannot start: {error}.", returncode=2) from None
        return {"stopped": True}, ["stopped"]

    def _ready(self, options: Answer, port: int) -> None:
        origin, iss = _origin(options, port), issuer.current().iss
        has_owner = User.objects.filter(is_superuser=True, is_active=True).exists()
        names = ", ".join(["IP addresses", "localhost", *settings.STATION_ALLOWED_HOSTS])
        lines = [
            f"IM server {iss} at {origin}",
            f"It answers to {names}; STATION_ALLOWED_HOSTS adds names.",
        ]
        if not has_owner:
            lines.append("Nobody can sign in to its admin yet: `manage.py imserver owner NAME`.")
        self._say(options, {"origin": origin, "iss": iss, "owner": has_owner}, lines)

    def _owner(self, options: Answer, _now: int) -> tuple[Answer, list[str]]:
        user = owner.let_in(options["name"], options["password_file"])
        return {"owner": user.username}, [f"{user.username} may sign in at /admin/."]

    def _account(self, options: Answer, now: int) -> tuple[Answer, list[str]]:
        if Account.objects.filter(name=options["name"]).exists():
            raise CommandError("There is an account with this name.")
        account = enrolment.add_account(options["name"], now)
        answer = {"account": account.name, "iss": account.iss, "sub": account.sub}
        return answer, [f"account {account.name}: {account.sub}"]

    def _code(self, options: Answer, now: int) -> tuple[Answer, list[str]]:
        found = list(Account.objects.called(options["account"])[:2])
        if len(found) != 1:
            raise CommandError("No single account has this name; `imserver account` adds one.")
        code = im.grouped_code(enrolment.enrolment_code(found[0], now))
        return _code_answer(code, now, enrolment.ENROLMENT_CODE_LIFE.total_seconds())

    def _station_code(self, _options: Answer, now: int) -> tuple[Answer, list[str]]:
        code = im.grouped_code(enrolment.registration_code(now))
        return _code_answer(code, now, enrolment.REGISTRATION_CODE_LIFE.total_seconds())

    def _phones(self, _options: Answer, _now: int) -> tuple[Answer, list[str]]:
        rows = [
            {
                "thumbprint": phone.thumbprint,
                "name": phone.name,
                "account": phone.account.name,
                "revoked": phone.revoked_at is not None,
            }
            for phone in Phone.objects.select_related("account")
        ]
        return {"phones": rows}, [_row_text(row, "thumbprint") for row in rows]

    def _stations(self, _options: Answer, _now: int) -> tuple[Answer, list[str]]:
        rows = [
            {
                "station_id": station.station_id,
                "name": station.name,
                "revoked": station.revoked_at is not None,
            }
            for station in Station.objects.all()
        ]
        return {"stations": rows}, [_row_text(row, "station_id") for row in rows]

    def _revoke_phone(self, options: Answer, now: int) -> tuple[Answer, list[str]]:
        start = options["thumbprint"]
        found = [phone for phone in Phone.objects.all() if phone.thumbprint.startswith(start)]
        if len(found) != 1 or not start:
            raise CommandError("No single phone has this thumbprint; `imserver phones` lists them.")
        Phone.objects.filter(pk=found[0].pk).revoke(moment(now))
        return {"revoked": found[0].thumbprint}, [f"revoked {found[0]}"]

    def _revoke_station(self, options: Answer, now: int) -> tuple[Answer, list[str]]:
        start = options["station_id"]
        found = list(Station.objects.filter(station_id__startswith=start)[:2])
        if len(found) != 1 or not start:
            raise CommandError("No single station has this id; `imserver stations` lists them.")
        Station.objects.filter(pk=found[0].pk).revoke(moment(now))
        return {"revoked": found[0].station_id}, [f"revoked {found[0]}"]

    def _rotate(self, options: Answer, now: int) -> tuple[Answer, list[str]]:
        try:
            self._keyring.replace_all() if options["leaked"] else self._keyring.rotate(now)
        except RotationUnderWayError as error:
            text = f"A new key is published and signs from {moment(error.signs_from):{_TIME}}."
            raise CommandError(text) from None
        current = issuer.current()
        starts = max(current.keys[-1].signs_from, now)
        answer = {"keys": [b64u(key) for key in current.live_keys(now)], "signs_from": starts}
        return answer, [f"the new key signs from {moment(starts):{_TIME}}"]


def _add_run_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument(
        "--port", type=listening.port_number, default=_DEFAULT_PORT, help="0: any free port"
    )
    parser.add_argument("--certificate", default="", help="PEM file: serve https")
    parser.add_argument("--private-key", default="", help="PEM file of the certificate's key")
    parser.add_argument(
        "--behind-proxy",
        action="store_true",
        help="a proxy does https; callers' addresses come from X-Forwarded-For",
    )


def _require_safe_address(options: Answer) -> None:
    """Plain http only on loopback or behind a proxy."""
    if bool(options["certificate"]) != bool(options["private_key"]):
        raise CommandError("--certificate and --private-key go together.", returncode=2)
    try:
        loopback = ip_address(options["host"]).is_loopback
    except ValueError:
        raise CommandError("--host is an IP address.", returncode=2) from None
    if not (loopback or options["certificate"] or options["behind_proxy"]):
        raise CommandError(
            "Phones reach an IM server elsewhere by https only:"
            " give --certificate and --private-key, or --behind-proxy.",
            returncode=2,
        )


def _origin(options: Answer, port: int) -> str:
    host = f"[{options['host']}]" if ":" in options["host"] else options["host"]
    return f"{'https' if options['certificate'] else 'http'}://{host}:{port}"


def _code_answer(code: str, now: int, life_seconds: float) -> tuple[Answer, list[str]]:
    expires = now + int(life_seconds)
    return {"code": code, "expires": expires}, [code, f"valid until {moment(expires):{_TIME}}"]


def _row_text(row: dict[str, Any], key: str) -> str:
    account = f"  ({row['account']})" if "account" in row else ""
    return f"{row[key]}  {row['name']}{account}" + ("  (revoked)" if row["revoked"] else "")
