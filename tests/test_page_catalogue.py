"""The Chinese texts are complete, and the compiled catalogue is that of the readable one."""

import gettext
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = Path("backupstation/locale/zh_Hans/LC_MESSAGES/django.po")
UPDATE = "manage.py makemessages -l zh_Hans, translate, manage.py compilemessages"


def _compiled(po: Path, to: Path) -> dict[object, str]:
    subprocess.run(["msgfmt", "--check-format", "-o", to, po], check=True)
    return _messages(to)


def _messages(mo: Path) -> dict[object, str]:
    with mo.open("rb") as file:
        return gettext.GNUTranslations(file)._catalog


def test_the_compiled_catalogue_is_that_of_the_readable_one(tmp_path: Path) -> None:
    committed = _messages((ROOT / CATALOGUE).with_suffix(".mo"))
    assert committed == _compiled(ROOT / CATALOGUE, tmp_path / "fresh.mo"), UPDATE


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The catalogue as it is after extracting every text from a copy of the sources."""
    copy = tmp_path_factory.mktemp("sources")
    for room in ("accounts", "backupstation", "conversations", "transfer", "templates", "static"):
        shutil.copytree(ROOT / room, copy / room)
    script = (
        "import django; from django.conf import settings;"
        "settings.configure(USE_I18N=True, LOCALE_PATHS=['backupstation/locale']);"
        "django.setup(); from django.core.management import call_command;"
        "call_command('makemessages', locale=['zh_Hans'], no_wrap=True, no_location=True)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=copy, check=True)
    return (copy / CATALOGUE).read_text(encoding="utf-8")


def test_every_text_of_the_sources_is_translated(extracted: str) -> None:
    blocks = extracted.split("\n\n")[1:]
    live = [block for block in blocks if not block.startswith("#~")]
    untranslated = [
        block
        for block in live
        if "#, fuzzy" in block or re.search(r'msgstr(\[0\])? ""(?!\n")', block)
    ]
    assert not untranslated, f"{UPDATE}:\n" + "\n\n".join(untranslated)


def test_no_text_is_kept_that_the_sources_lost(extracted: str) -> None:
    assert "#~ msgid" not in extracted, UPDATE


def test_no_punctuation_stands_between_translated_pieces() -> None:
    """Chinese has signs of its own, so they belong into what is translated."""
    joined = re.compile(
        r"(?:\{% endblocktranslate %\}|\{% translate [^%]*%\})[,;:]"
        r"|\(\{% (?:block)?translate"
    )
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in (ROOT / "templates").rglob("*.html")
        for match in joined.finditer(path.read_text(encoding="utf-8"))
    }
    assert not found
