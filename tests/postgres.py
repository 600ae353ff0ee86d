"""A real PostgreSQL server for one test run: in a temporary folder, on a Unix socket only."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_DEBIAN = Path("/usr/lib/postgresql")


@contextmanager
def server() -> Iterator[dict[str, Any]]:
    """Django's settings of a database of its own; the server ends with the block."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o700)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        _run("initdb", "-D", f"{folder}/data", "-U", "station", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c shared_buffers=64MB"
        _run("pg_ctl", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres",
                   "USER": "station", "HOST": str(folder)}  # fmt: skip
        finally:
            _run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")


def _run(program: str, *arguments: str) -> None:
    """As the user postgres when we are root: the server refuses to run as root."""
    as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    command = [*as_other, str(_program(program)), *arguments]
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found:
        return Path(found)
    newest = max(_DEBIAN.iterdir(), key=lambda folder: float(folder.name))
    return newest / "bin" / name
