"""Restored files: whole or absent, never outside the target, never over what was there."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phone.checking import Nowhere
from phone.errors import NotWritten, Obstacle, TargetUnusable
from phone.writing import Existing, Target
from wire.manifest import ChunkRef, Item, pack_refs

MTIME_NS = 1_600_000_000_123_456_789


def item_of(name: str, *chunks: bytes, sha256: bytes | None = None) -> Item:
    content = b"".join(chunks)
    refs = pack_refs(ChunkRef(hashlib.sha256(chunk).digest(), len(chunk)) for chunk in chunks)
    digest = hashlib.sha256(content).digest() if sha256 is None else sha256
    return Item(name, len(content), MTIME_NS, "text/plain", digest, refs)


def restore(target: Target, item: Item, *chunks: bytes) -> None:
    target.check(item)
    file = target.begin(item)
    for chunk in chunks:
        file.write(hashlib.sha256(chunk).digest(), memoryview(chunk))
    file.finish()


def put(target: Target, name: str, *chunks: bytes) -> None:
    restore(target, item_of(name, *chunks), *chunks)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, hidden and temporary ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def target(tmp_path):
    target = Target(tmp_path / "out")
    yield target
    target.close()


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def test_items_arrive_whole_with_their_modification_time(target, out):
    put(target, "chats/deep/a.txt", b"hello ", b"world")
    put(target, "chats/empty.txt")
    put(target, "b.txt", b"one chunk")
    assert tree(out) == {
        "chats/deep/a.txt": b"hello world",
        "chats/empty.txt": b"",
        "b.txt": b"one chunk",
    }
    assert (out / "chats/deep/a.txt").stat().st_mtime_ns == MTIME_NS


def test_nothing_shows_before_the_item_is_finished(target, out):
    file = target.begin(item_of("a.txt", b"hello"))
    file.write(hashlib.sha256(b"hello").digest(), memoryview(b"hello"))
    assert not (out / "a.txt").exists()
    file.finish()
    assert tree(out) == {"a.txt": b"hello"}


def test_an_aborted_item_leaves_nothing(target, out):
    file = target.begin(item_of("a.txt", b"hello"))
    file.write(hashlib.sha256(b"hello").digest(), memoryview(b"hello"))
    file.abort()
    file.abort()
    assert tree(out) == {}


@pytest.mark.parametrize(
    ("item", "chunks"),
    [
        (item_of("a", b"12", b"34", sha256=b"\0" * 32), [b"12", b"34"]),
        (item_of("a", b"12", sha256=b"\0" * 32), [b"12"]),
        (item_of("a", b"12", b"34"), [b"12"]),
        (item_of("a", b"12", b"34"), [b"34", b"12"]),
        (item_of("a", sha256=b"\0" * 32), []),
    ],
    ids=["item-hash", "lone-hash", "missing", "swapped", "empty-hash"],
)
def test_wrong_bytes_are_refused_and_leave_nothing(target, out, item, chunks):
    with pytest.raises(NotWritten) as refusal:
        restore(target, item, *chunks)
    assert refusal.value.obstacle is Obstacle.DAMAGED
    assert tree(out) == {}


def test_wrong_bytes_are_refused_when_only_checking():
    with pytest.raises(NotWritten):
        restore(Nowhere(), item_of("a", b"12", b"34"), b"34", b"12")
    restore(Nowhere(), item_of("a", b"12", b"34"), b"12", b"34")


def test_an_existing_file_is_never_touched_unless_told(target, out):
    (out / "a.txt").write_bytes(b"precious")
    with pytest.raises(NotWritten) as refusal:
        put(target, "a.txt", b"new")
    assert refusal.value.obstacle is Obstacle.EXISTS
    assert tree(out) == {"a.txt": b"precious"}


@pytest.mark.parametrize("content", [b"the very same", b""])
def test_a_file_that_is_the_very_same_is_kept_and_not_asked_for(target, out, content):
    (out / "a.txt").write_bytes(content)
    before = (out / "a.txt").stat()
    with pytest.raises(NotWritten) as refusal:
        target.check(item_of("a.txt", b"x" * (len(content) or 1)))
    assert refusal.value.obstacle is Obstacle.EXISTS
    assert not target.check(item_of("a.txt", *([content] if content else [])))
    assert (out / "a.txt").stat().st_mtime_ns == before.st_mtime_ns
    assert tree(out) == {"a.txt": content}


def test_the_very_same_in_another_place_is_no_reason_to_keep(tmp_path, target, out):
    (tmp_path / "outside").write_bytes(b"same")
    (out / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(out / "pipe")
    (out / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        with pytest.raises(NotWritten) as refusal:
            target.check(item_of(name, b"same"))
        assert refusal.value.obstacle is Obstacle.EXISTS


def test_told_to_replace_it_replaces_the_very_same_too(out):
    out.mkdir()
    (out / "a.txt").write_bytes(b"same")
    target = Target(out, Existing.REPLACE)
    assert target.check(item_of("a.txt", b"same"))
    target.close()


def test_one_kept_file_is_not_two_items(target, out, monkeypatch):
    """On a case-insensitive file system; here its stat answers are simulated."""
    real_stat = os.stat
    (out / "readme.txt").write_bytes(b"same")
    (out / "linked.txt").write_bytes(b"same")
    (out / "twice.txt").hardlink_to(out / "linked.txt")
    assert not target.check(item_of("linked.txt", b"same"))
    assert not target.check(item_of("twice.txt", b"same"))
    assert not target.check(item_of("readme.txt", b"same"))
    monkeypatch.setattr(os, "stat", lambda path, **more: real_stat(path.lower(), **more))
    with pytest.raises(NotWritten) as refusal:
        target.check(item_of("README.txt", b"same"))
    monkeypatch.undo()
    assert refusal.value.obstacle is Obstacle.COLLISION


LEFTOVER = ".backupstation-0123456789abcdef\x7f.part"


def test_what_a_killed_restore_left_is_removed_and_nothing_else(out):
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.test_phone_writing import item_of, Target\n"
        "file = Target(Path(sys.argv[1])).begin(item_of('sub/a.txt', b'hello'))\n"
        "file.write(b'', memoryview(b'hel')); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", program, out], check=False, cwd=root)
    (left,) = (out / "sub").iterdir()
    assert left.name.startswith(".backupstation-")
    others = [".0123456789abcdef.part", "film.part", LEFTOVER + "s", ".backupstation-x.part"]
    for name in others:
        (out / "sub" / name).write_bytes(b"precious")
    (out / "sub" / LEFTOVER).symlink_to(out / "sub" / "film.part")
    target = Target(out)
    target.check(item_of("sub/b.txt", b"hello"))
    target.close()
    assert {path.name for path in (out / "sub").iterdir()} == {*others, LEFTOVER}


def test_a_restored_item_is_never_taken_for_a_leftover(out):
    """Not even one whose name a temporary file has had: it may have been backed up as it was."""
    first = Target(out)
    file = first.begin(item_of("a.txt", b"hello"))
    (leftover,) = (path.name for path in out.iterdir())
    file.abort()
    likely = leftover.replace("\x7f", "")
    with pytest.raises(NotWritten) as refusal:
        put(first, leftover, b"hello")
    assert refusal.value.obstacle is Obstacle.NAME
    put(first, likely, b"hello")
    first.close()
    second = Target(out)
    second.check(item_of("b.txt", b"hello"))
    second.close()
    assert tree(out) == {likely: b"hello"}


def test_what_another_restore_is_writing_stays(target, out):
    file = target.begin(item_of("sub/a.txt", b"hello"))
    file.write(hashlib.sha256(b"hello").digest(), memoryview(b"hello"))
    second = Target(out)
    second.check(item_of("sub/b.txt", b"hello"))
    second.close()
    file.finish()
    assert tree(out) == {"sub/a.txt": b"hello"}


def test_a_temporary_file_that_is_taken_for_a_leftover_is_made_again(target, out, monkeypatch):
    """Another restore comes to the folder between the making of a file and its locking."""
    real_open = os.open
    comers = [Target(out)]

    def open_and_be_visited(path, *more, **most):
        opened = real_open(path, *more, **most)
        if str(path).endswith(".part") and comers:
            second = comers.pop()
            second.check(item_of("b.txt", b"hello"))
            second.close()
        return opened

    monkeypatch.setattr(os, "open", open_and_be_visited)
    put(target, "a.txt", b"hello")
    assert not comers
    assert tree(out) == {"a.txt": b"hello"}


def test_what_cannot_be_written_is_known_before_it_is_asked_for(target, out):
    (out / "a.txt").write_bytes(b"precious")
    (out / "link").symlink_to(out)
    for name in ("a.txt", "a.txt/below", "link/a"):
        with pytest.raises(NotWritten):
            target.check(item_of(name, b"new"))
    target.check(item_of("new", b"new"))
    target.check(item_of("new/folder/new", b"new"))
    assert tree(out) == {"a.txt": b"precious"}


def test_an_item_is_durable_before_it_has_its_name(target, out, monkeypatch):
    happened = []
    real_sync, real_link = os.fsync, os.link
    monkeypatch.setattr(os, "fsync", lambda fd: happened.append("sync") or real_sync(fd))
    monkeypatch.setattr(
        os, "link", lambda *args, **kwargs: happened.append("link") or real_link(*args, **kwargs)
    )
    put(target, "a.txt", b"hello")
    assert happened == ["sync", "link"]


def test_the_names_of_new_folders_are_durable_too(tmp_path, monkeypatch):
    synced = []
    real_sync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/dev/fd/{fd}").resolve()) or real_sync(fd)
    )
    (tmp_path / "there").mkdir()
    target = Target(tmp_path / "there" / "new" / "out")
    put(target, "a/b/c.txt", b"hello")
    target.close()
    new = ["there", "there/new", "there/new/out", "there/new/out/a", "there/new/out/a/b"]
    assert {tmp_path / name for name in new} <= set(synced)
    assert tmp_path not in synced


def test_a_file_that_appears_meanwhile_is_not_touched(target, out):
    file = target.begin(item_of("a.txt", b"new"))
    file.write(hashlib.sha256(b"new").digest(), memoryview(b"new"))
    (out / "a.txt").write_bytes(b"precious")
    with pytest.raises(NotWritten) as refusal:
        file.finish()
    assert refusal.value.obstacle is Obstacle.EXISTS
    assert tree(out) == {"a.txt": b"precious"}


def test_told_to_replace_it_replaces_whole_files_and_links_themselves(tmp_path, out):
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"precious")
    out.mkdir()
    (out / "a.txt").write_bytes(b"old")
    (out / "link.txt").symlink_to(outside)
    target = Target(out, Existing.REPLACE)
    put(target, "a.txt", b"new")
    put(target, "link.txt", b"new")
    target.close()
    assert tree(out) == {"a.txt": b"new", "link.txt": b"new"}
    assert outside.read_bytes() == b"precious"


@pytest.mark.parametrize("existing", Existing)
def test_two_items_that_mean_one_file_are_told_apart(out, monkeypatch, existing):
    """On a case-insensitive file system; here its stat answers are simulated."""
    real_stat = os.stat

    def folding_stat(path, **kwargs):
        return real_stat(path.lower() if isinstance(path, str) else path, **kwargs)

    target = Target(out, existing)
    put(target, "readme.txt", b"first")
    monkeypatch.setattr(os, "stat", folding_stat)
    with pytest.raises(NotWritten) as refusal:
        put(target, "README.txt", b"second")
    monkeypatch.undo()
    target.close()
    assert refusal.value.obstacle is Obstacle.COLLISION
    assert tree(out) == {"readme.txt": b"first"}


@pytest.mark.parametrize("existing", Existing)
def test_a_folder_in_the_place_of_a_file_is_refused(out, existing):
    (out / "a.txt").mkdir(parents=True)
    target = Target(out, existing)
    with pytest.raises(NotWritten):
        put(target, "a.txt", b"new")
    target.close()
    assert (out / "a.txt").is_dir()
    assert tree(out) == {}


def test_a_file_in_the_place_of_a_folder_is_refused(target, out):
    put(target, "a", b"file")
    with pytest.raises(NotWritten) as refusal:
        put(target, "a/b", b"inside")
    assert refusal.value.obstacle is Obstacle.IN_THE_WAY
    assert tree(out) == {"a": b"file"}


@pytest.mark.parametrize("existing", Existing)
@pytest.mark.parametrize("name", ["link/a.txt", "sub/link/a.txt", "link/new/a.txt"])
def test_links_in_the_target_lead_nowhere(tmp_path, out, existing, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (out / "sub").mkdir(parents=True)
    (out / "link").symlink_to(outside)
    (out / "sub" / "link").symlink_to(outside)
    target = Target(out, existing)
    with pytest.raises(NotWritten) as refusal:
        put(target, name, b"escape")
    target.close()
    assert refusal.value.obstacle is Obstacle.IN_THE_WAY
    assert tree(outside) == {}


def test_a_folder_swapped_for_a_link_while_writing_leads_nowhere(tmp_path, target, out):
    outside = tmp_path / "outside"
    outside.mkdir()
    file = target.begin(item_of("sub/a.txt", b"hello"))
    file.write(hashlib.sha256(b"hello").digest(), memoryview(b"hello"))
    (out / "sub").rename(out / "moved")
    (out / "sub").symlink_to(outside)
    file.finish()
    assert tree(outside) == {}
    assert tree(out) == {"moved/a.txt": b"hello"}


HOSTILE = [
    "/etc/passwd",
    "../escape",
    "a/../../escape",
    "a/./b",
    "a//b",
    "a/",
    "",
    ".",
    "..",
    "..\\escape",
    "C:\\x",
    "nul\0byte",
    "line\nbreak",
    "lone\udc80surrogate",
    "x" * 2000,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused_by_name(tmp_path, target, name):
    with pytest.raises(NotWritten) as refusal:
        target.begin(item_of(name, b"x"))
    assert refusal.value.obstacle is Obstacle.NAME
    with pytest.raises(NotWritten):
        target.check(item_of(name, b"x"))
    assert tree(tmp_path) == {}


PARTS = st.sampled_from(
    ["..", ".", "", "a", "~", "link", "\\", "..a", "\0", "\u202e", "é", "e\u0301"]
)
NAMES = st.one_of(
    st.lists(PARTS, min_size=1, max_size=6).map("/".join),
    st.text(max_size=30),
    st.text(alphabet="./\\a\0", max_size=12),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, max_size=6), existing=st.sampled_from(Existing))
def test_no_name_whatever_writes_outside_the_target(tmp_path_factory, names, existing):
    folder = tmp_path_factory.mktemp("attack")
    outside = folder / "outside"
    outside.mkdir()
    out = folder / "out"
    out.mkdir()
    (out / "link").symlink_to(outside)
    target = Target(out, existing)
    for name in names:
        try:
            put(target, name, b"x")
        except NotWritten:
            continue
        assert (out / name).read_bytes() == b"x"
    target.close()
    assert tree(outside) == {}
    assert {path.name for path in folder.iterdir()} == {"outside", "out"}


def test_a_name_the_file_system_cannot_hold_is_named(target, out):
    with pytest.raises(NotWritten) as refusal:
        put(target, "x" * 300, b"x")
    assert refusal.value.obstacle is Obstacle.UNWRITABLE
    assert "too long" in str(refusal.value)
    assert tree(out) == {}


def test_a_target_that_is_no_folder_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TargetUnusable, match="cannot be used"):
        Target(tmp_path / "file")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_disk_is_named_and_leaves_no_half_file(target, out, monkeypatch):
    real_open = os.open

    def open_full(path, flags, *args, **kwargs):
        opened = real_open(path, flags, *args, **kwargs)
        if str(path).endswith(".part"):
            full = real_open("/dev/full", os.O_WRONLY)
            os.dup2(full, opened)
            os.close(full)
        return opened

    monkeypatch.setattr(os, "open", open_full)
    file = target.begin(item_of("a.txt", b"hello"))
    with pytest.raises(TargetUnusable, match=r"disk is full: a\.txt"):
        file.write(hashlib.sha256(b"hello").digest(), memoryview(b"hello"))
    file.abort()
    assert tree(out) == {}


@pytest.mark.parametrize("number", [1, 95])
def test_without_hard_links_it_still_does_not_clobber(target, out, monkeypatch, number):
    def refuse(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    put(target, "a.txt", b"hello")
    assert tree(out) == {"a.txt": b"hello"}
    file = target.begin(item_of("b.txt", b"new"))
    file.write(hashlib.sha256(b"new").digest(), memoryview(b"new"))
    (out / "b.txt").write_bytes(b"precious")
    with pytest.raises(NotWritten):
        file.finish()
    assert tree(out) == {"a.txt": b"hello", "b.txt": b"precious"}


def test_restored_files_follow_the_umask(tmp_path):
    program = (
        "import os, sys; os.umask(0o077)\n"
        "from pathlib import Path\n"
        "from tests.test_phone_writing import put, Target\n"
        "target = Target(Path(sys.argv[1])); put(target, 'sub/a', b'x'); target.close()"
    )
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", program, tmp_path / "out"], check=True, cwd=root)
    assert (tmp_path / "out/sub/a").stat().st_mode & 0o777 == 0o600


def test_no_descriptor_is_left_open(tmp_path):
    def count() -> int:
        return sum(1 for _ in Path("/dev/fd").iterdir())

    before = count()
    target = Target(tmp_path / "out")
    put(target, "a/b/c", b"x")
    for name in ("a/b/c", "../x", "a/b/c/d"):
        with pytest.raises(NotWritten):
            put(target, name, b"x")
    target.begin(item_of("aborted", b"x")).abort()
    target.close()
    assert count() == before
