"""Where the running station listens: written by it, read by the other commands."""

import logging
import os
from argparse import ArgumentTypeError
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec
from django.conf import settings

from backupstation import addresses, hosts

log = logging.getLogger(__name__)
_NAME: Final = "listening.json"
_PORT_MAX: Final = 65_535


class Listening(msgspec.Struct, frozen=True):
    """Address to which the server is bound, its port, and its process id.

    ``https_port`` is 0 while https is off; ``https_names`` are the host names and addresses that
    the certificate is for.
    """

    host: str
    port: int
    pid: int
    https_port: int = 0
    https_names: tuple[str, ...] = ()

    def secure_origin(self, host: addresses.Address | str) -> str:
        """The https origin of the station that is reached as ``host``; empty when there is none.

        Its host is one that the certificate is for: this one, or else the first of the names that
        others look up.
        """
        if not self.https_port:
            return ""
        names = [str(host), *(name for name in self.https_names if _is_elsewhere(name))]
        proven = next((name for name in names if name in self.https_names), "")
        return addresses.origin(proven, self.https_port, "https") if proven else ""


def _is_elsewhere(name: str) -> bool:
    """Whether it is a name that others look up, and one that this station answers to."""
    try:
        ip_address(name)
    except ValueError:
        return name != "localhost" and hosts.is_own_host(name)
    return False


def port_number(text: str) -> int:
    """A port as it is given on a command line."""
    if not (text.isascii() and text.isdecimal() and int(text) <= _PORT_MAX):
        raise ArgumentTypeError(f"a port is a number from 0 to {_PORT_MAX}")
    return int(text)


def _path() -> Path:
    return Path(settings.STATION_DATA_DIR) / _NAME


def announce(host: str, port: int, https_port: int = 0, https_names: tuple[str, ...] = ()) -> None:
    """Remember it; the file is replaced as a whole.

    A full disk must not keep a station from giving back what it has: the other commands then go
    by what was remembered before.
    """
    temporary = _path().with_suffix(".new")
    try:
        here = Listening(host, port, os.getpid(), https_port, https_names)
        temporary.write_bytes(msgspec.json.encode(here))
        temporary.replace(_path())
    except OSError as error:
        log.warning("where the station listens is not remembered: %s", error)


def current() -> Listening:
    """What the station announced last; before its first start, what it is set to."""
    try:
        return msgspec.json.decode(_path().read_bytes(), type=Listening)
    except (FileNotFoundError, msgspec.DecodeError):
        return Listening(settings.STATION_HOST, settings.STATION_PORT, 0)
