"""The command line: exit codes, one JSON object, sentences and never a traceback."""

import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phone import cli, commands
from phone.display import size_text, spaced
from phone.errors import Exit, explain
from tests.phone_peer import Cut, Peer
from transfer.templatetags import measures
from wire import im
from wire.errors import NotAllowed, StorageFull, VerificationFailed

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments, home: Path, **options) -> subprocess.CompletedProcess[str]:
    """The phone as its own process."""
    return subprocess.run(
        [sys.executable, "-m", "phone", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PHONE_HOME": str(home)},
        timeout=60,
        check=False,
        **options,
    )


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def chats(tmp_path) -> Path:
    folder = tmp_path / "chats"
    folder.mkdir()
    (folder / "a.txt").write_text("hello\n" * 1000)
    return folder


def test_the_phone_works_without_django(home):
    program = "import sys, phone.cli, phone.backup, phone.restore; print('django' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "False"


def test_backup_list_verify_and_restore_as_one_json_object_each(tmp_path, home, chats):
    with Peer() as peer:
        stored = run("backup", peer.link(), chats, "--label", "Sunday", "--json", home=home)
        assert stored.returncode == 0, stored.stderr
        assert "press Allow" in stored.stderr
        told = json.loads(stored.stdout)
        assert told["items"] == 1
        assert told["bytes"] == 6000
        assert told["sent"] >= 6000
        assert told["held"] == 0
        assert told["problems"] == []
        assert told["receipt"].count(".") == 2
        listed = json.loads(run("list", peer.link(), "--json", home=home).stdout)
        assert [one["snapshot_id"] for one in listed["snapshots"]] == [told["snapshot_id"]]
        checked = run("verify", peer.link(), told["snapshot_id"], "--json", home=home)
        assert json.loads(checked.stdout)["items"] == 1
        short = told["snapshot_id"][:8].lower()
        out = tmp_path / "out"
        restored = run("restore", peer.link(), short, "--to", out, "--json", home=home)
        assert json.loads(restored.stdout)["failures"] == []
        assert (out / "chats/a.txt").read_bytes() == (chats / "a.txt").read_bytes()
        again = run("restore", peer.link(), short, "--to", out, "--json", home=home)
        assert again.returncode == Exit.OK
        answer = json.loads(again.stdout)
        assert (answer["items"], answer["kept"], answer["received"]) == (1, 1, 0)
        (out / "chats/a.txt").write_text("mine\n" * 1200)
        once_more = run("restore", peer.link(), short, "--to", out, "--json", home=home)
        assert once_more.returncode == Exit.PARTIAL
        (failure,) = json.loads(once_more.stdout)["failures"]
        assert failure["reason"] == "exists"
        forced = run("restore", peer.link(), short, "--to", out, "--overwrite", home=home)
        assert forced.returncode == 0
        assert "Restored 1 item (6.0 kB) of" in forced.stdout


def test_a_snapshots_items_are_listed(home, chats):
    (chats / "b.txt").write_text("x")
    os.utime(chats / "b.txt", ns=(1, 1_600_000_000_000_000_001))
    with Peer() as peer:
        stored = json.loads(run("backup", peer.link(), chats, "--json", home=home).stdout)
        short = stored["snapshot_id"][:8]
        told = json.loads(run("list", peer.link(), short, "--json", home=home).stdout)
        assert told["snapshot_id"] == stored["snapshot_id"]
        first, second = told["items"]
        assert (first["name"], first["size"]) == ("chats/a.txt", 6000)
        assert second["sha256"] == hashlib.sha256(b"x").hexdigest()
        assert second["mtime_ns"] == 1_600_000_000_000_000_001
        shown = run("list", peer.link(), short, home=home).stdout.splitlines()
        assert len(shown) == 3
        assert "6.0 kB" in shown[0]
        assert "2020-09-13" in shown[1]
        assert "chats/b.txt" in shown[1]
        assert shown[2].startswith("2 items, 6.0 kB, in snapshot ")
        unknown = run("list", peer.link(), "0" * 8, "--json", home=home)
        assert json.loads(unknown.stdout)["error"]["code"] == "no_such_snapshot"


def test_a_phone_that_enrols_on_the_way_says_its_name(home, chats):
    with Peer() as peer:
        done = run("backup", peer.link(), chats, "--name", "Anna's phone", home=home)
        assert done.returncode == 0, done.stderr
        assert peer.names == ["Anna's phone"]
        assert peer.sources == ["Anna's phone"]


def test_files_left_out_are_named_and_make_it_partial(home, chats):
    (chats / "link").symlink_to("a.txt")
    with Peer() as peer:
        done = run("backup", peer.link(), chats, "--json", home=home)
        assert done.returncode == Exit.PARTIAL
        (problem,) = json.loads(done.stdout)["problems"]
        assert problem["reason"] == "symlink"
        told = run("backup", peer.link(), chats, home=home)
        assert "link is a symbolic link" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["backup", "LINK", "no-such-path"], "source_missing"),
        (["backup", "rubbish", "."], "not_a_link"),
        (["list", "rubbish"], "not_a_link"),
        (["enrol"], "usage"),
        (["enrol", "LINK", "--code", "x"], "usage"),
        (["enrol", "--im", "https://im.example"], "usage"),
        (["enrol", "LINK", "--name", "x" * 200], "usage"),
        (["restore", "LINK", "short", "--to", "out"], "usage"),
        (["verify", "LINK", "!" * 26], "usage"),
        (["verify", "LINK"], "usage"),
    ],
)
def test_what_cannot_be_meant_exits_with_2(tmp_path, home, arguments, code):
    with Peer() as peer:
        given = [peer.link() if each == "LINK" else each for each in arguments]
        given = [str(tmp_path / each) if each == "out" else each for each in given]
        done = run(*given, "--json", home=home)
    assert done.returncode == Exit.USAGE
    assert json.loads(done.stdout)["error"]["code"] == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["backup"],
        ["backup", "x"],
        ["restore", "x", "y"],
        ["list", "x", "--patience", "1"],
    ],
)
def test_argparse_refusals_exit_with_2_too(home, arguments):
    done = run(*arguments, home=home)
    assert done.returncode == Exit.USAGE
    assert "usage:" in done.stderr


def test_an_unreachable_station_exits_with_5_and_says_what_to_try(home, chats):
    with Peer() as peer:
        link = peer.link()
    done = run("backup", link, chats, home=home)
    assert done.returncode == Exit.UNREACHABLE
    assert "[unreachable]" in done.stderr
    assert "firewall" in done.stderr
    assert "IM server" not in done.stderr
    assert done.stdout == ""


def test_a_refused_verification_exits_with_3(home, chats):
    class Refusing(Peer):
        def accept(self, shaking, ticket):
            raise VerificationFailed("no")

    with Refusing() as peer:
        done = run("backup", peer.link(), chats, "--json", home=home)
    assert done.returncode == Exit.VERIFICATION
    assert json.loads(done.stdout)["error"]["code"] == "4401"


def test_an_enrolment_that_the_owner_denies_exits_with_3(home, chats):
    class Denying(Peer):
        def enrol(self, shaking, websocket, issuer):
            raise NotAllowed("the owner did not allow it")

    with Denying() as peer:
        done = run("enrol", peer.link(), "--json", home=home)
    assert done.returncode == Exit.VERIFICATION
    assert json.loads(done.stdout)["error"]["code"] == "4403"


def test_a_connection_that_is_lost_for_too_long_exits_with_5(home, chats):
    class Cutting(Peer):
        def lack(self, start, digests):
            raise Cut

    with Cutting() as peer:
        done = run("backup", peer.link(), chats, "--patience", "1", "--json", home=home)
    assert done.returncode == Exit.UNREACHABLE
    assert json.loads(done.stdout)["error"]["code"] == "cut_off"


def test_the_help_lists_the_exit_codes_that_there_are(home):
    told = run("--help", home=home).stdout.partition("exit codes:\n")[2].partition("\n\n")[0]
    assert [int(line.split()[0]) for line in told.splitlines()] == list(Exit)


def documented():
    """Every command of the phone that the documents show."""
    for name in ("README.md", "docs/operating.md"):
        for line in (ROOT / name).read_text().splitlines():
            if line.startswith("    ") and "python -m phone " in line:
                yield line.partition("python -m phone ")[2]


@pytest.mark.parametrize("command", sorted(set(documented())))
def test_every_documented_command_is_understood(command):
    cli._parser().parse_args(shlex.split(command))


def test_documented_commands_were_found():
    commands_shown = {command.split()[0] for command in documented()}
    assert commands_shown == {"backup", "list", "restore", "verify", "enrol"}


def test_an_unknown_snapshot_exits_with_1(tmp_path, home):
    with Peer() as peer:
        done = run("restore", peer.link(), "0" * 8, "--to", tmp_path / "out", "--json", home=home)
    assert done.returncode == Exit.FAILED
    assert json.loads(done.stdout)["error"]["code"] == "no_such_snapshot"


def test_ctrl_c_stops_cleanly(home, chats):
    class Waits(Peer):
        def enrol(self, shaking, websocket, issuer):
            shaking.pending(600)

    with Waits() as peer:
        process = subprocess.Popen(
            [sys.executable, "-m", "phone", "backup", peer.link(), chats, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PHONE_HOME": str(home)},
            # A shell without job control starts what runs in the background with Ctrl-C ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert process.stderr is not None
        assert "press Allow" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == Exit.INTERRUPTED
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert "Traceback" not in err


def test_being_terminated_leaves_no_half_file(tmp_path, home, chats):
    (chats / "v.mp4").write_bytes(os.urandom(30_000_000))

    class Slow(Peer):
        def give(self, digest):
            time.sleep(0.2)
            return super().give(digest)

    with Slow() as peer:
        stored = json.loads(run("backup", peer.link(), chats, "--json", home=home).stdout)
        arguments = ["restore", peer.link(), stored["snapshot_id"], "--to", tmp_path / "out"]
        process = subprocess.Popen(
            [sys.executable, "-m", "phone", *arguments],
            cwd=ROOT,
            env=os.environ | {"PHONE_HOME": str(home)},
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while not list((tmp_path / "out").glob("chats/.*.part")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        assert process.wait(20) == Exit.INTERRUPTED
    assert {path.name for path in (tmp_path / "out/chats").iterdir()} <= {"a.txt"}


@pytest.mark.parametrize("option", ["--label", "--item", "--name"])
def test_arguments_that_are_no_text_are_refused(home, option):
    command = {"--label": "backup", "--item": "restore", "--name": "enrol"}[option]
    done = subprocess.run(
        [sys.executable, "-m", "phone", command, "x", "y", option, b"\xff\xfe"],
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == Exit.USAGE
    assert b"not text" in done.stderr


def test_names_that_the_terminal_cannot_show_are_escaped(tmp_path, home):
    chats = tmp_path / "聊天"
    chats.mkdir()
    (chats / "链接").symlink_to("nowhere")
    (chats / "a.txt").write_text("x")
    with Peer() as peer:
        done = subprocess.run(
            [sys.executable, "-m", "phone", "backup", peer.link(), chats],
            capture_output=True,
            cwd=ROOT,
            env=os.environ | {"PHONE_HOME": str(home), "PYTHONIOENCODING": "latin-1"},
            check=False,
        )
    assert done.returncode == Exit.PARTIAL
    assert b"\\u94fe\\u63a5" in done.stdout


def test_a_reader_that_leaves_early_is_no_traceback(home):
    shell = f"{sys.executable} -m phone list rubbish --json | true"
    done = subprocess.run(
        ["/bin/sh", "-c", shell], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert "Traceback" not in done.stderr


def test_an_unforeseen_error_is_told_without_a_traceback(monkeypatch, capsys):
    def fail(_options):
        raise RuntimeError("boom")

    monkeypatch.setattr(commands, "list_kept", fail)
    assert cli.main(["list", "x", "--json"]) == Exit.FAILED
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["code"] == "unexpected"
    assert "Traceback" not in told.err


def test_enrolling_by_a_code_remembers_the_im_server(home):
    class ByCode(Peer):
        def answer_http(self, path, body):
            assert path == im.PHONES_PATH
            request = im.decode(im.EnrolRequest, body)
            assert request.name == "My phone"
            issuer = self.issuer_key.public_key().public_bytes_raw()
            return 200, im.encode(im.EnrolReply("https://im.example", "alice", [issuer]))

    with ByCode() as peer:
        code = "abcde-fghjk"
        done = run("enrol", "--im", peer.origin, "--code", code, "--name", "My phone", home=home)
    assert done.returncode == 0, done.stderr
    kept = json.loads((home / "enrolments.json").read_text())["enrolments"]
    assert kept[0]["im_origin"] == peer.origin


@pytest.mark.parametrize("iss", ["station:abc", "https://im.example"])
def test_an_im_server_cannot_take_another_issuers_name(home, iss):
    class Taker(Peer):
        taken = "https://im.example"

        def answer_http(self, path, body):
            issuer = self.issuer_key.public_key().public_bytes_raw()
            return 200, im.encode(im.EnrolReply(self.taken, "alice", [issuer]))

    with Taker() as first, Taker() as second:
        assert run("enrol", "--im", first.origin, "--code", "a", home=home).returncode == 0
        before = (home / "enrolments.json").read_bytes()
        second.taken = iss
        done = run("enrol", "--im", second.origin, "--code", "a", home=home)
        assert done.returncode == Exit.VERIFICATION
        assert (home / "enrolments.json").read_bytes() == before


def test_a_hostile_name_cannot_move_the_cursor(home, chats):
    class Hostile(Peer):
        def enrol(self, shaking, websocket, issuer):
            from wire import messages

            name = "\x1b[2J\x1b]0;owned\x07\u202e"
            shaking.pending(600)
            shaking.enrolled(messages.Enrolled(self.iss, self.sub, [issuer], name, self.invite()))

    with Hostile() as peer:
        done = run("enrol", peer.link(), home=home)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\u202e" not in done.stdout + done.stderr


def test_startup_leaves_out_what_is_not_needed(home):
    program = (
        "import sys, phone.cli, phone.backup\n"
        "heavy = {'rich', 'PIL', 'asyncio', 'mimetypes', 'pyfastcdc', 'platformdirs', 'zxingcpp'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def test_digits_and_sizes_for_people():
    assert spaced("482113") == "482 113"
    amounts = (0, 1, 999, 1000, 999_949, 999_950, 1_500_000, 10**9, 10**13, 10**18)
    assert [size_text(n) for n in amounts] == [
        "0 bytes",
        "1 byte",
        "999 bytes",
        "1.0 kB",
        "999.9 kB",
        "1.0 MB",
        "1.5 MB",
        "1.0 GB",
        "10.0 TB",
        "1000.0 PB",
    ]
    # The station's pages and admin write the same.
    assert [measures.size(n).replace("\N{NO-BREAK SPACE}", " ") for n in amounts] == [
        size_text(n) for n in amounts
    ]


def test_the_protocols_errors_have_sentences():
    told = explain(StorageFull("no room"))
    assert told.code == "4507"
    assert "disk is full" in told.message
    assert told.exit is Exit.FAILED
