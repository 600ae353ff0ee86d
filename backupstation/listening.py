"""Where the running station listens: written by it, read by the other commands."""

import logging
import os
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Final

import msgspec
from django.conf import settings

log = logging.getLogger(__name__)
_NAME: Final = "listening.json"
_PORT_MAX: Final = 65_535


class Listening(msgspec.Struct, frozen=True):
    """Address to which the server is bound, its port, and its process id."""

    host: str
    port: int
    pid: int


def port_number(text: str) -> int:
    """A port as it is given on a command line."""
    if not (text.isascii() and text.isdecimal() and int(text) <= _PORT_MAX):
        raise ArgumentTypeError(f"a port is a number from 0 to {_PORT_MAX}")
    return int(text)


def _path() -> Path:
    return Path(settings.STATION_DATA_DIR) / _NAME


def announce(host: str, port: int) -> None:
    """Remember it; the file is replaced as a whole.

    A full disk must not keep a station from giving back what it has: the other commands then go
    by what was remembered before.
    """
    temporary = _path().with_suffix(".new")
    try:
        temporary.write_bytes(msgspec.json.encode(Listening(host, port, os.getpid())))
        temporary.replace(_path())
    except OSError as error:
        log.warning("where the station listens is not remembered: %s", error)


def current() -> Listening:
    """What the station announced last; before its first start, what it is set to."""
    try:
        return msgspec.json.decode(_path().read_bytes(), type=Listening)
    except (FileNotFoundError, msgspec.DecodeError):
        return Listening(settings.STATION_HOST, settings.STATION_PORT, 0)
