"""The command line: ``python -m phone enrol|backup|list|restore|verify``.

Results go to stdout, as text or with ``--json`` as one object; everything else goes to stderr.
Errors are a sentence, a code and what to do; the exit codes are those of ``phone.errors.Exit``.
"""

import argparse
import io
import json
import os
import signal
import ssl
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from phone import commands
from phone.errors import Usage, explain
from phone.sources import printable
from phone.telling import Outcome

_EPILOG: Final = """\
exit codes:
  0    done
  1    failed; the message says why
  2    the command line cannot be meant
  3    the station, its IM server or this phone was not accepted by the other, or by the owner
  4    done in part: some files were left out, or some items not restored; each is named
  5    the station cannot be reached, or the connection was lost for too long
  130  stopped with Ctrl-C

The link goes in quotes: it contains a #. In its place may stand the path of a picture of the QR
code. This phone's key and enrolments are in --home, else in $PHONE_HOME, else in the user's data.
"""

_WHICH: Final = "its ID or the first 8 characters; not needed where the link is for one snapshot"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    _prepare()
    try:
        _trust(options.ca)
        outcome: Outcome = options.run(options)
    except (Exception, KeyboardInterrupt) as error:
        return _tell_error(error, as_json=options.json)
    _say(json.dumps(outcome.data) if options.json else _shown(outcome.text))
    return outcome.exit


def _prepare() -> None:
    """Let SIGTERM and a closed terminal stop as Ctrl-C does; print names that no font has."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _trust(authority: Path | None) -> None:
    """Believe this certificate authority, and no other, of whoever is called by https."""
    if authority is None:
        return
    try:
        ssl.create_default_context(cafile=authority)
    except ssl.SSLError:
        raise Usage(f"{authority} holds no certificate in PEM.") from None
    except OSError as error:
        raise Usage(f"{authority}: {error.strerror}.") from None
    os.environ["SSL_CERT_FILE"] = str(authority)  # which OpenSSL reads for every connection
    os.environ["SSL_CERT_DIR"] = os.devnull


def _shown(text: str) -> str:
    """Lines for a terminal, which nothing that a station or IM server says may control."""
    return "\n".join(map(printable, text.split("\n")))


def _tell_error(error: BaseException, *, as_json: bool) -> int:
    told = explain(error)
    if as_json:
        content = {"code": told.code, "message": told.message, "hint": told.hint}
        _say(json.dumps({"error": content}))
    print(f"{printable(told.message)} [{told.code}]", file=sys.stderr)
    if told.hint:
        print(told.hint, file=sys.stderr)
    return told.exit


def _say(text: str) -> None:
    """Print to stdout; a reader that has left is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m phone",
        description="Back up chats to a Backup Station, and restore them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands_of = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_enrol(commands_of)
    _add_backup(commands_of)
    _add_list(commands_of)
    _add_restore(commands_of)
    _add_verify(commands_of)
    return parser


def _command(commands_of: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:  # noqa: ANN401 (argparse names no public type)
    parser: argparse.ArgumentParser = commands_of.add_parser(
        name, help=summary, description=summary, allow_abbrev=False
    )
    parser.add_argument("--home", type=Path, metavar="DIR", help="this phone's own folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--name", type=_text, default="", help="what to call this phone if it is to be enrolled"
    )
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="by https, trust this authority (PEM) and no other"
    )
    parser.set_defaults(run=run)
    return parser


def _add_transfer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--patience",
        type=_seconds,
        default=commands.PATIENCE_SECONDS,
        metavar="SECONDS",
        help="how long to try again after the connection is lost (default: %(default)g)",
    )


def _add_snapshot(parser: argparse.ArgumentParser, which: str) -> None:
    parser.add_argument("link", metavar="LINK")
    parser.add_argument("snapshot", nargs="?", default="", metavar="ID", help=which)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("between 0 and 86400 seconds")
    return seconds


def _text(typed: str) -> str:
    try:
        typed.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("not text in this terminal's encoding") from None
    return typed


def _add_enrol(commands_of: Any) -> None:  # noqa: ANN401
    parser = _command(commands_of, "enrol", commands.enrol, "make this phone one of an account")
    parser.add_argument("link", nargs="?", metavar="LINK", help="a station's link")
    parser.add_argument("--im", metavar="ORIGIN", help="a separate IM server, https://…")
    parser.add_argument("--code", help="the one-time code that it printed")


def _add_backup(commands_of: Any) -> None:  # noqa: ANN401
    parser = _command(commands_of, "backup", commands.backup, "back up files and folders")
    parser.add_argument("link", metavar="LINK")
    parser.add_argument("paths", nargs="+", metavar="PATH")
    parser.add_argument(
        "--label", type=_text, default="", help="a note that is kept with the snapshot"
    )
    _add_transfer(parser)


def _add_list(commands_of: Any) -> None:  # noqa: ANN401
    summary = "list this account's snapshots, or the items of one"
    parser = _command(commands_of, "list", commands.list_kept, summary)
    _add_snapshot(parser, "whose items to list: its ID or the first 8 characters")


def _add_restore(commands_of: Any) -> None:  # noqa: ANN401
    parser = _command(commands_of, "restore", commands.restore, "bring a snapshot's files back")
    _add_snapshot(parser, _WHICH)
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="target folder")
    for option, metavar, summary in (
        ("--item", "NAME", "only this"),
        ("--under", "FOLDER", "only what is in it"),
    ):
        parser.add_argument(
            option, type=_text, action="append", default=[], metavar=metavar, help=summary
        )
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    _add_transfer(parser)


def _add_verify(commands_of: Any) -> None:  # noqa: ANN401
    summary = "read a snapshot back and check every hash, writing nothing"
    parser = _command(commands_of, "verify", commands.verify, summary)
    _add_snapshot(parser, _WHICH)
    _add_transfer(parser)
