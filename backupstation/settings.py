"""Settings. Everything a person may change is an environment variable with the prefix STATION_.

Secrets can be given as files: STATION_SECRET_KEY_FILE, STATION_PASSPHRASE_FILE and
STATION_DATABASE_URL_FILE.
"""

import logging
import os
import secrets
import sys
import zoneinfo
from pathlib import Path

import environ
import platformdirs
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def secret(name: str, default: str = "") -> str:
    """The value of STATION_<name>, or of the file that STATION_<name>_FILE names."""
    file = env.str(f"STATION_{name}_FILE", default="")
    if not file:
        return str(env.str(f"STATION_{name}", default=default))
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"STATION_{name}_FILE: {error}") from None


def own_secret_key(path: Path) -> str:
    """A random secret key that is drawn at first start and kept with mode 0600."""
    if not path.exists():
        # Whole or not at all: a first start may be killed, and two may meet.
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            name_once(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    return path.read_text(encoding="ascii")


def name_once(beside: Path, path: Path) -> None:
    """Give a written file its name, unless another has it; exFAT has no links."""
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        return
    except OSError:
        if not path.exists():
            beside.rename(path)


def keep_private(folder: Path) -> None:
    """Close the folder to other users, even one that was there before; or say that it is open."""
    mode = folder.stat().st_mode
    if mode & 0o077 == 0:
        return
    try:
        folder.chmod(mode & 0o700)
    except OSError as error:
        print(f"warning: other users may look into {folder}: {error.strerror}", file=sys.stderr)


# What this process is: the whole station, or an IM server alone (manage.py sets it for `imserver`)

STATION_ROLE = env.str("STATION_ROLE", default="station")
if STATION_ROLE not in ("station", "imserver"):
    raise ImproperlyConfigured("STATION_ROLE is station or imserver")
APP_NAME = {"station": "backupstation", "imserver": "backupstation-im"}[STATION_ROLE]

# Where things are

STATION_DATA_DIR = Path(
    env.str("STATION_DATA_DIR", default=platformdirs.user_data_dir(APP_NAME, appauthor=False))
).expanduser()
try:
    STATION_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as error:
    raise ImproperlyConfigured(
        f"STATION_DATA_DIR: no folder at {STATION_DATA_DIR}: {error.strerror}"
    ) from None
keep_private(STATION_DATA_DIR)
STATION_STORE_DIR = STATION_DATA_DIR / "store"
STATION_ROOT_KEY = STATION_DATA_DIR / "root.key"
STATION_PASSPHRASE = secret("PASSPHRASE") or None
if secret("STORAGE_URL"):
    raise ImproperlyConfigured("STATION_STORAGE_URL is not supported yet: unset it")

STATION_HOST = env.str("STATION_HOST", default="0.0.0.0")  # noqa: S104 - phones come over the LAN
try:
    STATION_PORT = env.int("STATION_PORT", default=8765)
except ValueError:
    raise ImproperlyConfigured("STATION_PORT is a number") from None
STATION_HTTPS = env.str("STATION_HTTPS", default="off").lower()
if STATION_HTTPS not in ("off", "auto"):
    raise ImproperlyConfigured("STATION_HTTPS is off or auto")
try:
    STATION_HTTPS_PORT = env.int("STATION_HTTPS_PORT", default=8443)
    if STATION_HTTPS_PORT not in range(65_536):
        raise ValueError("no port")
except ValueError:
    raise ImproperlyConfigured("STATION_HTTPS_PORT is a number from 0 to 65535") from None
STATION_TLS_CERT = env.str("STATION_TLS_CERT", default="")
STATION_TLS_KEY = env.str("STATION_TLS_KEY", default="")
if bool(STATION_TLS_CERT) != bool(STATION_TLS_KEY):
    raise ImproperlyConfigured("STATION_TLS_CERT and STATION_TLS_KEY go together")
if STATION_TLS_CERT and STATION_HTTPS == "auto":
    raise ImproperlyConfigured(
        "STATION_HTTPS=auto makes its own certificate: unset it, or STATION_TLS_CERT and"
        " STATION_TLS_KEY"
    )
STATION_INDEXING = env.str("STATION_INDEXING", default="on").lower()
if STATION_INDEXING not in ("on", "off"):
    raise ImproperlyConfigured("STATION_INDEXING is on or off")
STATION_NAME = env.str("STATION_NAME", default="Backup Station")

# Django

SECRET_KEY = secret("SECRET_KEY") or own_secret_key(STATION_DATA_DIR / "secret_key")
DEBUG = False
ALLOWED_HOSTS = ["*"]  # backupstation.hosts decides, for HTTP and WebSockets alike
STATION_ALLOWED_HOSTS = env.list("STATION_ALLOWED_HOSTS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "accounts",
    "backupstation.imserver",
]
if STATION_ROLE == "station":
    # First, so that its createsuperuser is found before Django's.
    INSTALLED_APPS = [
        "backupstation",
        *INSTALLED_APPS,
        "transfer",
        "conversations",
        "django_tasks",
        "django_tasks_db",
    ]

MIDDLEWARE = [
    "backupstation.hosts.HostMiddleware",
    "backupstation.cookies.SecureCookies",
    "accounts.middleware.CookielessCalls",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "backupstation.urls" if STATION_ROLE == "station" else "backupstation.imserver.urls"
ASGI_APPLICATION = "backupstation.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "conversations.context.reading",
            ],
        },
    },
]

# Commits are durable when they return: a receipt may depend on each of them.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
}
DATABASES = {
    "default": environ.Env.db_url_config(
        secret("DATABASE_URL", default=f"sqlite:///{STATION_DATA_DIR / STATION_ROLE}.sqlite3")
    )
}
if "ENGINE" not in DATABASES["default"]:
    raise ImproperlyConfigured("STATION_DATABASE_URL is like sqlite:////path")
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
if STATION_ROLE == "station":
    # What is derived from snapshots: a crash may take its last seconds, which are derived again.
    DATABASES["index"] = environ.Env.db_url_config(f"sqlite:///{STATION_DATA_DIR}/index.sqlite3")
    DATABASES["index"]["OPTIONS"] = SQLITE_OPTIONS | {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        " PRAGMA foreign_keys=ON;",
    }
    DATABASE_ROUTERS = ["conversations.databases.IndexRouter"]
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# What is counted per address: calls of the IM server, and apart from them password attempts. A full
# cache drops what was counted longest ago; it takes some ten megabytes.
CACHES = {
    name: {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": name,
        "OPTIONS": {"MAX_ENTRIES": 30_000},
    }
    for name in ("default", "attempts")
}

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = {"station": "sign-in", "imserver": "admin:login"}[STATION_ROLE]
LOGIN_REDIRECT_URL = {"station": "station", "imserver": "admin:index"}[STATION_ROLE]
LOGOUT_REDIRECT_URL = "sign-in"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
FORMAT_MODULE_PATH = "backupstation.formats"
LOCALE_PATHS = [BASE_DIR / "backupstation" / "locale"]
TIME_ZONE = env.str("STATION_TIME_ZONE", default="UTC")
if TIME_ZONE not in zoneinfo.available_timezones():
    raise ImproperlyConfigured("STATION_TIME_ZONE is the name of a zone, like Europe/Berlin")
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

# Security

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CROSS_ORIGIN_OPENER_POLICY = None  # browsers ignore it over http, and say so on each page
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "img-src": [SELF, "data:"],
    }
}

LOG_LEVEL = env.str("STATION_LOG_LEVEL", default="WARNING").upper()
if LOG_LEVEL not in logging.getLevelNamesMapping():
    raise ImproperlyConfigured("STATION_LOG_LEVEL is DEBUG, INFO, WARNING, ERROR or CRITICAL")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {
        "handlers": ["stderr"],
        "level": LOG_LEVEL,
    },
    # Whatever a page answers with 403 or 404 would be a line that means nothing to an owner.
    "loggers": {"django.request": {"level": "ERROR" if LOG_LEVEL == "WARNING" else LOG_LEVEL}},
}
