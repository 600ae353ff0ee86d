"""Opening the station's page in a browser, without its one-time code in a command line.

What a browser is started with, every user of the machine can read (ps). So it is given a file of
the data folder, which leads on to the link.
"""

import os
import time
import webbrowser
from html import escape
from pathlib import Path
from typing import Final

from django.conf import settings

_NAME: Final = "open.html"
_KEPT_SECONDS: Final = 60  # a browser may take that long to start
_PAGE: Final = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={link}">
<title>Backup Station</title>
<a href="{link}">Backup Station</a>
"""


def show(link: str) -> None:
    """Open ``link`` in a browser; returns a minute later, when the file has been removed."""
    page = write(link)
    try:
        webbrowser.open(page.as_uri())
        time.sleep(_KEPT_SECONDS)
    finally:
        forget()


def write(link: str) -> Path:
    """Write the file that leads to ``link``, for this user alone."""
    forget()
    page = _path()
    with os.fdopen(os.open(page, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(_PAGE.format(link=escape(link)))
    return page


def forget() -> None:
    """Remove the file, also one that a killed station left."""
    _path().unlink(missing_ok=True)


def _path() -> Path:
    return Path(settings.STATION_DATA_DIR).absolute() / _NAME
