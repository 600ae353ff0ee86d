"""Settings for tests: a fresh data folder for each test process, thrown away by the system."""

import os
import tempfile

os.environ["STATION_DATA_DIR"] = tempfile.mkdtemp(prefix="station-test-")
os.environ["STATION_NAME"] = "Test Station"

from backupstation.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Files, as a station has, and not SQLite's database in memory: there whoever meets another writer
# fails at once instead of waiting.
for _name, _database in DATABASES.items():  # noqa: F405
    if _database["ENGINE"].endswith("sqlite3"):
        _database["TEST"] = {"NAME": STATION_DATA_DIR / f"test-{_name}.sqlite3"}  # noqa: F405
        _asked = _database["OPTIONS"]["init_command"]
        _database["OPTIONS"] = _database["OPTIONS"] | {
            "init_command": f"{_asked} PRAGMA synchronous=OFF;"  # no test draws the plug of these
        }
