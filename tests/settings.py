"""Settings for tests: a fresh data folder for each test process, thrown away by the system."""

import os
import tempfile

os.environ["STATION_DATA_DIR"] = tempfile.mkdtemp(prefix="station-test-")
os.environ["STATION_NAME"] = "Test Station"

from backupstation.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
