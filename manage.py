#!/usr/bin/env python3
"""Django's command line for the station and the IM server."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.umask(0o077)  # databases and their journals are for the owner alone
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backupstation.settings")
    if sys.argv[1:2] == ["imserver"]:
        os.environ["STATION_ROLE"] = "imserver"
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - after the environment

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
