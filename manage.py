#!/usr/bin/env python3
"""Django's command line for the station and the IM server."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError


def main() -> None:
    """Run one management command; what it cannot work with is told in a sentence (exit code 2)."""
    os.umask(0o077)  # databases and their journals are for the owner alone
    needs_station = sys.argv[1:2] != ["inspect"]
    os.environ.setdefault(
        "DJANGO_SETTINGS_MODULE",
        "backupstation.settings" if needs_station else "backupstation.settings_inspect",
    )
    if sys.argv[1:2] == ["imserver"]:
        os.environ["STATION_ROLE"] = "imserver"
    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, DatabaseError, OSError) as error:
        if "--traceback" in sys.argv:
            raise
        print(_sentence(error), file=sys.stderr)
        sys.exit(2)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}."
    if isinstance(error, DatabaseError):
        name = getattr(error.__cause__, "sqlite_errorname", "")
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return f"{settings.DATABASES['default']['NAME']}: {error}. {_mended()}"
        folder = settings.STATION_DATA_DIR
        return f"{folder}: {error}. Does this user own it, and did a station run there before?"
    return f"{error}."


def _mended() -> str:
    """What to do about a damaged database: a station's is made again from its store."""
    if settings.STATION_ROLE != "station":
        return "The database is damaged: stop the IM server, and bring it back from a copy."
    return (
        "The database is damaged. Stop the station, move station.sqlite3, station.sqlite3-wal and"
        " station.sqlite3-shm away, run `manage.py store rebuild`, `manage.py createsuperuser` and"
        " `manage.py store rebuild --owner NAME`, and start it again. Phones enrol again"
        " (docs/operating.md, section 10)."
    )


if __name__ == "__main__":
    main()
