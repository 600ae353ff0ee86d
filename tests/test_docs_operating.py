"""docs/operating.md says what the code does: its settings and its commands are compared with it."""

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import ManagementUtility, get_commands

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "operating.md").read_text()
SETTINGS = (ROOT / "backupstation" / "settings.py").read_text()
# Refused at start: documented when it can be used.
UNUSED = {"STATION_STORAGE_URL", "STATION_STORAGE_URL_FILE"}


def in_blocks():
    """Commands that stand in an indented or fenced block."""
    for line in DOCUMENT.splitlines():
        if line.startswith(("    ", "ExecStart=")) and "manage.py " in line:
            command = line.split("manage.py ", 1)[1].split(" || ")[0].strip()
            if command != "…":
                yield command


@pytest.mark.parametrize("command", sorted(set(in_blocks())))
def test_every_command_is_understood(command):
    name, *arguments = shlex.split(command)
    assert name in get_commands()
    parser = ManagementUtility().fetch_command(name).create_parser("manage.py", name)
    parser.parse_args(arguments)


def test_commands_were_found():
    assert len(set(in_blocks())) > 20


def test_every_setting_is_in_the_table_and_nothing_else():
    names = set(re.findall(r'env\.\w+\(\s*"(STATION_\w+)"', SETTINGS))
    for name in re.findall(r'[ (]secret\("(\w+)"', SETTINGS):
        names |= {f"STATION_{name}", f"STATION_{name}_FILE"}
    table = DOCUMENT.split("## 2. Settings")[1].split("## 3.")[0]
    assert set(re.findall(r"`(STATION_[A-Z_]+)`", table)) == names - UNUSED


def test_defaults_are_those_of_the_settings():
    table = DOCUMENT.split("## 2. Settings")[1].split("## 3.")[0]
    found = re.findall(r'env\.\w+\("(STATION_\w+)", default=(?:"([^"]+)"|(\d+))\)', SETTINGS)
    assert len(found) >= 5
    for name, text, number in found:
        assert re.search(rf"^\| `{name}` \| `{re.escape(text or number)}` \|", table, re.MULTILINE)


def test_files_of_the_data_folder_are_those_of_the_code():
    names = "root.key secret_key first-run-code listening.json station.sqlite3 recovery"
    for name in names.split():
        assert f"`{name}`" in DOCUMENT
