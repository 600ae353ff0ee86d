"""A lost PC: nothing is left but a copy of ``store/`` and the 24 words, on a new machine."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.stations import PASSWORD, ROOT, Phone, Station, _environment, running, tree
from transfer.store.crypto import Root

OTHER = Root(bytes(32)).words()


@dataclass
class Lost:
    """What is left of station A: its store and its words, and what its phone had sent."""

    store: Path
    words: list[str]
    station_id: str
    snapshot: str
    chats: Path
    phone: Path

    def sheet(self, folder: Path, words: list[str] | None = None) -> str:
        path = folder / "words.txt"
        path.write_text(" ".join(words or self.words))
        return str(path)


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Lost:
    folder = tmp_path_factory.mktemp("lost")
    chats = folder / "chats"
    chats.mkdir()
    (chats / "WhatsApp Chat with Bob.txt").write_text("1/2/24, 13:05 - Bob: 你好\n" * 2000)
    (chats / "photo.jpg").write_bytes(os.urandom(3_000_000))
    with running(folder / "a") as station:
        phone = Phone(folder / "phone")
        phone.enrol(station)
        kept = phone.run("backup", station.link(), chats, "--label", "before the fire")
        phone.run("backup", station.link(), chats, "--label", "once more")
        words = station.manage("store", "words").split()
    store = folder / "a" / "store"
    station_id = (store / "station").read_bytes()[9:35].decode()
    return Lost(store, words, station_id, kept["snapshot_id"], chats, folder / "phone")


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path / "b")
    station.folder.mkdir()
    yield station
    station.stop()


def recover(
    station: Station, *options: str, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """``station --recover`` that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "manage.py", "station", "--host", "127.0.0.1", "--port", "0", *options],
        cwd=ROOT, env=_environment(station.folder, **station.environment, **environment),
        input=typed, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def become_owner(station: Station, name: str = "alice") -> str:
    """Fill in the form of the first run as a browser does, with what it proposes; the page."""
    link = urlsplit(station.first_run)
    browser = HTTPConnection("127.0.0.1", station.port, timeout=60)
    browser.request("GET", f"{link.path}?{link.query}")
    reply = browser.getresponse()
    cookie = reply.headers["Set-Cookie"].partition(";")[0]
    page = reply.read().decode()
    form = {
        "csrfmiddlewaretoken": re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page)[1],
        "code": parse_qs(link.query)["code"][0],
        "username": name, "password": PASSWORD, "again": PASSWORD,
        "vault": (re.search(r'<option value="(\w+)" selected', page) or ["", ""])[1],
    }  # fmt: skip
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    browser.request("POST", "/first-run/", urlencode(form), headers)
    assert browser.getresponse().headers.get("Location") == "/recovery/"
    return page


def restored(station: Station, lost: Lost, folder: Path) -> None:
    """A phone enrols anew, sees every receipted snapshot and gets the same bytes by its ID."""
    phone = Phone(folder / "new-phone")
    phone.enrol(station)
    labels = [row["label"] for row in phone.run("list", station.link())["snapshots"]]
    assert labels == ["once more", "before the fire"]
    phone.run("restore", station.link(), lost.snapshot, "--to", folder / "back")
    assert tree(folder / "back" / "chats") == tree(lost.chats)


# The journey


def test_a_store_and_24_words_make_the_station_again_on_a_new_machine(
    lost: Lost, new: Station, tmp_path: Path
) -> None:
    shutil.copytree(lost.store, new.folder / "store")
    new.start(0, "--recover", "--words-file", lost.sheet(tmp_path))
    assert (new.folder / "root.key").stat().st_mode & 0o777 == 0o600
    assert not (new.folder / "recovery").exists()
    form = become_owner(new)
    assert re.search("2 snapshots, latest [0-9-]+: once more", form)
    restored(new, lost, tmp_path)
    old = Phone(lost.phone)  # the same phone as ever, which kept what it knew
    old.enrol(new)
    assert old.run("backup", new.link(), lost.chats)["sent"] == 0
    assert new.manage("store", "words").split() == lost.words


def test_the_words_may_come_first_and_the_store_later(
    lost: Lost, new: Station, tmp_path: Path
) -> None:
    numbered = "\n".join(f"{at}. {word.upper()}," for at, word in enumerate(lost.words, 1))
    told = recover(new, "--recover", typed=numbered)
    assert told.returncode == 0, told.stderr
    assert lost.station_id in told.stdout
    assert str(new.folder / "store") in told.stdout
    early = recover(new)  # a start in between begins no second store
    assert (early.returncode, (new.folder / "store").exists()) == (2, False)
    assert "The store is not there yet" in early.stderr
    shutil.copytree(lost.store, new.folder / "store")
    new.start()
    become_owner(new)
    restored(new, lost, tmp_path)


def test_a_passphrase_wraps_the_root_that_comes_back(
    lost: Lost, new: Station, tmp_path: Path
) -> None:
    shutil.copytree(lost.store, new.folder / "store")
    new.environment["STATION_PASSPHRASE"] = "correct horse"
    new.start(0, "--recover", "--words-file", lost.sheet(tmp_path))
    new.stop()
    assert (new.folder / "root.key").read_bytes()[:10] == b"BSTNROOT\x01\x01"
    del new.environment["STATION_PASSPHRASE"]
    told = recover(new, "--recover", "--words-file", lost.sheet(tmp_path))
    assert told.returncode == 2
    assert "set STATION_PASSPHRASE" in told.stderr


def test_a_first_start_that_nobody_used_makes_room(
    lost: Lost, new: Station, tmp_path: Path
) -> None:
    new.start()
    first = new.first_run
    new.stop()
    assert first
    own_copy = new.folder / "station.sqlite3.bak"
    own_copy.write_bytes(b"the owner's")
    told = recover(new, "--recover", "--words-file", lost.sheet(tmp_path))
    assert told.returncode == 0, told.stderr
    [aside] = new.folder.glob("unused-*")
    assert {"root.key", "station.sqlite3"} <= {path.name for path in aside.iterdir()}
    assert own_copy.exists()
    shutil.copytree(lost.store, new.folder / "store", dirs_exist_ok=True)
    new.start()
    become_owner(new)
    restored(new, lost, tmp_path)


def test_a_store_that_was_copied_over_a_first_start_is_found(
    lost: Lost, new: Station, tmp_path: Path
) -> None:
    new.start()
    new.stop()
    shutil.copytree(lost.store, new.folder / "store", dirs_exist_ok=True)
    new.start(0, "--recover", "--words-file", lost.sheet(tmp_path))
    become_owner(new)
    restored(new, lost, tmp_path)


# What is refused, and changes nothing


def _wrong(lost: Lost) -> dict[str, tuple[list[str], str]]:
    """What is typed, and what is said."""
    swapped, misspelt, two = lost.words[:], lost.words[:], lost.words[:]
    first = next(at for at in range(23) if swapped[at] != swapped[at + 1])
    swapped[first], swapped[first + 1] = swapped[first + 1], swapped[first]
    misspelt[6] += "q"
    two[3], two[4] = "zzz", "yyy"
    return {
        "swapped": (swapped, ""),
        "misspelt": (misspelt, f'Word 7, "{misspelt[6]}", is not on the list (is it "'),
        "several": (two, 'Word 4, "zzz", is not on the list'),
        "too few": (lost.words[:-1], "24 words, not 23"),
        "another's": (OTHER.split(), f"this store belongs to station {lost.station_id}"),
        "nothing": ([], "24 words, not 0"),
    }


@pytest.mark.parametrize(
    "wrong", ["swapped", "misspelt", "several", "too few", "another's", "nothing"]
)
def test_wrong_words_are_told_and_change_nothing(lost: Lost, new: Station, wrong: str) -> None:
    shutil.copytree(lost.store, new.folder / "store")
    words, said = _wrong(lost)[wrong]
    told = recover(new, "--recover", typed=" ".join(words))
    assert told.returncode == 2
    assert said.lower() in told.stderr.lower()
    assert "Nothing was changed." in told.stderr
    assert "Traceback" not in told.stderr
    _is_untouched(new, lost)


def _is_untouched(new: Station, lost: Lost) -> None:
    for name in ("root.key", "recovery", "station.sqlite3"):
        assert not (new.folder / name).exists(), name
    assert not list(new.folder.glob(".root.key.*"))
    assert tree(new.folder / "store") == tree(lost.store)


def test_a_station_that_is_in_use_is_never_replaced(
    lost: Lost, new: Station, tmp_path: Path
) -> None:
    new.start()
    new.add_owner()
    new.stop()
    root = (new.folder / "root.key").read_bytes()
    told = recover(new, "--recover", "--words-file", lost.sheet(tmp_path))
    assert told.returncode == 2
    assert lost.station_id in told.stderr
    assert "in use. Nothing was changed" in told.stderr
    assert (new.folder / "root.key").read_bytes() == root
    assert not (new.folder / "recovery").exists()
    new.start()


def test_words_of_another_station_than_the_databases_are_refused(new: Station) -> None:
    new.start()
    new.add_owner()
    words = new.manage("store", "words")
    new.stop()
    own = (new.folder / "store" / "station").read_bytes()[9:35].decode()
    (new.folder / "root.key").unlink()
    (new.folder / "store").rename(new.folder / "unmounted")
    told = recover(new, "--recover", typed=OTHER)
    assert told.returncode == 2
    assert f"is that of station {own}, and in use. Nothing was changed" in " ".join(
        told.stderr.split()
    )
    assert not (new.folder / "root.key").exists()
    assert not (new.folder / "recovery").exists()
    told = recover(new, "--recover", typed=words)
    assert told.returncode == 0, told.stderr
    assert (new.folder / "recovery").read_text() == f"{own}\n"


@pytest.mark.parametrize("content", ["", " \n1. 2.\n"])
def test_a_file_without_words_is_refused_where_a_root_is_kept(
    new: Station, tmp_path: Path, content: str
) -> None:
    new.start()
    new.stop()
    (tmp_path / "words.txt").write_text(content)
    told = recover(new, "--recover", "--words-file", str(tmp_path / "words.txt"))
    assert (told.returncode, "24 words, not 0" in told.stderr) == (2, True)
    assert not (new.folder / "recovery").exists()


def test_a_store_without_its_mark_is_not_taken_for_an_empty_one(
    lost: Lost, new: Station, tmp_path: Path
) -> None:
    shutil.copytree(lost.store, new.folder / "store")
    (new.folder / "store" / "station").unlink()
    told = recover(new, "--recover", "--words-file", lost.sheet(tmp_path))
    assert told.returncode == 2
    assert "Copy the whole folder" in told.stderr
    assert not (new.folder / "root.key").exists()


def test_a_named_pipe_in_a_copy_is_not_waited_for(lost: Lost, new: Station) -> None:
    shutil.copytree(lost.store, new.folder / "store")
    (new.folder / "store" / "station").unlink()
    os.mkfifo(new.folder / "store" / "station")
    told = recover(new, "--recover", typed=" ".join(lost.words))
    assert told.returncode == 2
    assert "The object 'station' is not a file. Nothing was changed." in told.stderr
    assert not (new.folder / "root.key").exists()


def test_a_file_of_words_belongs_to_a_recovery(new: Station) -> None:
    told = recover(new, "--words-file", "words.txt")
    assert (told.returncode, "--words-file belongs to --recover" in told.stderr) == (2, True)


# On a terminal


class Terminal:
    """``station --recover`` as a person sees it."""

    def __init__(self, station: Station) -> None:
        self._leader, follower = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "station", "--recover",
             "--host", "127.0.0.1", "--port", "0"],
            cwd=ROOT, env=_environment(station.folder), stdin=follower, stdout=follower,
            stderr=follower, start_new_session=True,
        )  # fmt: skip
        os.close(follower)
        self.told = ""

    def wait_for(self, text: str) -> None:
        while text not in self.told:
            try:
                read = os.read(self._leader, 4096)
            except OSError:
                raise AssertionError(f"{text!r} was not told:\n{self.told}") from None
            self.told += read.decode(errors="replace").replace("\r\n", "\n")

    def interrupt(self) -> None:
        """Ctrl-C; Python does not hear the one that comes between a prompt and its waiting."""
        self.process.send_signal(signal.SIGINT)
        while not select.select([self._leader], [], [], 5)[0]:
            self.process.send_signal(signal.SIGINT)

    def type(self, text: str) -> None:
        os.write(self._leader, text.encode() + b"\n")

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        os.close(self._leader)
        return code


def test_words_are_typed_line_by_line_and_a_wrong_one_is_asked_for_again(
    lost: Lost, new: Station
) -> None:
    shutil.copytree(lost.store, new.folder / "store")
    terminal = Terminal(new)
    terminal.wait_for(" 1> ")
    for start in range(0, 24, 6):
        line = lost.words[start : start + 6]
        if start == 6:
            line[2] = "xqzzy"
        terminal.type(" ".join(line))
        terminal.wait_for(f"{start + 7:2}> " if start < 18 else "Word 9 again> ")
    assert 'word 9, "xqzzy", is not on the list' in terminal.told
    terminal.type(lost.words[8])
    terminal.wait_for("In the store: 1 vault, 1 pack, 2 snapshots.")
    terminal.wait_for("Ctrl-C stops the station.")
    assert "24 words of an earlier station" not in terminal.told
    assert terminal.end(signal.SIGINT) == 0


def test_control_c_while_the_words_are_typed_changes_nothing(lost: Lost, new: Station) -> None:
    shutil.copytree(lost.store, new.folder / "store")
    terminal = Terminal(new)
    terminal.wait_for(" 1> ")
    terminal.type(" ".join(lost.words[:9]))
    terminal.wait_for("10> ")
    terminal.interrupt()
    terminal.wait_for("Interrupted. Nothing was changed.")
    assert terminal.end(signal.SIGCONT) == 130
    assert "Traceback" not in terminal.told
    _is_untouched(new, lost)


def test_the_first_run_tells_those_who_have_24_words(new: Station) -> None:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "station", "--host", "127.0.0.1", "--port", "0"],
        cwd=ROOT, env=_environment(new.folder), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    while "Ctrl-C" not in (line := process.stdout.readline()):
        lines.append(line)
    process.terminate()
    process.communicate()
    assert "manage.py station --recover" in "".join(lines)


# Cut off

# Before the nth time that something is linked, synced, committed or removed comes the signal.
_CUT_OFF = """
import os, signal, sys
import django
django.setup()
from django.core.management.base import CommandError, OutputWrapper
from django.db.transaction import Atomic
from backupstation import occupied, recovering
from backupstation.told import Told
left, number = int(sys.argv[1]), int(sys.argv[3])
def counted(done):
    def call(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)
        return done(*arguments, **options)
    return call
os.link, os.fsync, os.unlink = counted(os.link), counted(os.fsync), counted(os.unlink)
Atomic.__exit__ = counted(Atomic.__exit__)
try:
    with occupied.by_this_process(), recovering.told_in_sentences():
        recovering.begin(sys.argv[2], print)
        recovering.finish(Told(OutputWrapper(sys.stdout), as_json=False), print)
except CommandError as error:
    print(error)
    sys.exit(error.returncode)
"""


@pytest.mark.slow
def test_a_recovery_that_is_killed_at_any_moment_is_finished_by_the_next_one(
    lost: Lost, new: Station, tmp_path: Path
) -> None:
    shutil.copytree(lost.store, new.folder / "store")
    sheet = lost.sheet(tmp_path)
    killed = 0
    while (code := _run_until(signal.SIGKILL, new, killed + 1, sheet)[0]) == -signal.SIGKILL:
        killed += 1
        assert not (new.folder / "root.key").exists() or (new.folder / "recovery").exists()
    assert (code, killed > 5) == (0, True)
    assert not list(new.folder.glob(".root.key.*"))
    new.start()
    become_owner(new)
    restored(new, lost, tmp_path)


@pytest.mark.slow
def test_a_recovery_over_a_first_start_that_is_killed_is_never_taken_for_done(
    lost: Lost, new: Station, tmp_path: Path
) -> None:
    new.start()
    new.stop()
    first, sheet = tmp_path / "first", lost.sheet(tmp_path)
    shutil.copytree(new.folder, first)
    killed = refused = 0
    while _station_id(new) != lost.station_id:
        shutil.rmtree(new.folder)
        shutil.copytree(first, new.folder)
        killed += 1
        assert _run_until(signal.SIGKILL, new, killed, sheet)[0] == -signal.SIGKILL
        if (new.folder / "recovery").exists() and _station_id(new) != lost.station_id:
            told = recover(new, "--host", "192.0.2.1")  # which would end a start that got so far
            assert "run `manage.py station --recover` again" in told.stderr
            assert (new.folder / "recovery").read_text() == f"{lost.station_id}\n"
            refused += 1
    assert refused > 1
    told = recover(new, "--recover", "--words-file", sheet)
    assert told.returncode == 0, told.stderr


def _station_id(station: Station) -> str:
    """Of the root that is kept; "" when there is none."""
    path = station.folder / "root.key"
    return Root.load_or_create(path, None).station_id_text() if path.exists() else ""


@pytest.mark.slow
def test_a_start_finishes_a_recovery_that_was_interrupted(
    lost: Lost, new: Station, tmp_path: Path
) -> None:
    shutil.copytree(lost.store, new.folder / "store")
    code, told = _run_until(signal.SIGINT, new, 12, lost.sheet(tmp_path))
    assert code == 130
    assert "Interrupted. `manage.py station --recover` goes on where this stopped." in told
    assert (new.folder / "recovery").exists()
    new.start()
    assert not (new.folder / "recovery").exists()
    become_owner(new)
    restored(new, lost, tmp_path)


def _run_until(number: signal.Signals, station: Station, at: int, sheet: str) -> tuple[int, str]:
    """Its exit code and what it told."""
    done = subprocess.run(
        [sys.executable, "-c", _CUT_OFF, str(at), sheet, str(int(number))], cwd=ROOT,
        env=_environment(station.folder), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout
