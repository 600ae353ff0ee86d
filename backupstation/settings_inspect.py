"""Settings for ``manage.py inspect``, which needs no station: no data folder, no database."""

from pathlib import Path

INSTALLED_APPS = ["conversations"]
LOCALE_PATHS = [Path(__file__).resolve().parent / "locale"]
LANGUAGE_CODE = "en"
USE_TZ = True
