"""The main job once through, across real processes: the claims of the patent, seen working."""

import json
import os
from pathlib import Path

from tests.stations import Phone, Station, tree
from wire.manifest import check_snapshot_id


def test_backs_up_and_restores_the_same_bytes(
    station: Station, phone: Phone, chats: Path, tmp_path: Path
) -> None:
    """Claims 1 and 6, 4 and 9, 5 and 10: listening port from the QR, both verify, data by ID."""
    backup = phone.begin("backup", station.link(), chats, "--label", "first")
    station.allow(backup)
    first = backup.succeed()

    check_snapshot_id(first["snapshot_id"])
    assert first["items"] == len(tree(chats))
    assert first["bytes"] == sum(len(content) for content in tree(chats).values())

    phone.run("restore", station.link(), first["snapshot_id"], "--to", tmp_path / "back")

    assert tree(tmp_path / "back" / chats.name) == tree(chats)


def test_keeps_modification_times(station: Station, phone: Phone, tmp_path: Path) -> None:
    source = tmp_path / "old"
    source.mkdir()
    (source / "chat.txt").write_text("hello")
    os.utime(source / "chat.txt", ns=(1, 1_234_567_890_123_456_789))
    phone.enrol(station)
    stored = phone.run("backup", station.link(), source)
    phone.run("restore", station.link(), stored["snapshot_id"], "--to", tmp_path / "back")
    assert (tmp_path / "back/old/chat.txt").stat().st_mtime_ns == 1_234_567_890_123_456_789


def test_an_unchanged_second_backup_sends_no_chunk_data(
    station: Station, phone: Phone, chats: Path
) -> None:
    phone.enrol(station)
    phone.run("backup", station.link(), chats)
    again = phone.run("backup", station.link(), chats)
    assert again["sent"] == 0
    assert again["held"] == again["bytes"]


def test_a_second_phone_of_the_account_sends_only_what_the_vault_lacks(
    station: Station, phone: Phone, chats: Path, tmp_path: Path
) -> None:
    phone.enrol(station)
    phone.run("backup", station.link(), chats)
    (chats / "new.txt").write_text("only here")
    other = Phone(tmp_path / "other")
    other.enrol(station)
    stored = other.run("backup", station.link(), chats)
    # One new chunk, and the manifest pages that name it.
    assert stored["sent"] < 100_000
    assert stored["held"] > 3_000_000


def test_lists_and_verifies_snapshots_by_id(station: Station, phone: Phone, chats: Path) -> None:
    phone.enrol(station)
    first = phone.run("backup", station.link(), chats / "whatsapp", "--label", "one")
    second = phone.run("backup", station.link(), chats / "slack", "--label", "two")
    listed = phone.run("list", station.link())["snapshots"]
    assert [row["snapshot_id"] for row in listed] == [second["snapshot_id"], first["snapshot_id"]]
    assert [row["label"] for row in listed] == ["two", "one"]
    items = phone.run("list", station.link(), first["snapshot_id"])["items"]
    assert len(items) == first["items"]
    assert station.trail()[-1] == "verified"  # it looked, and nothing was sent back
    verified = phone.run("verify", station.link(), first["snapshot_id"][:8])
    assert verified["items"] == first["items"]
    assert station.trail()[-2:] == ["sending", "restored"]


def test_restores_chosen_items_only(
    station: Station, phone: Phone, chats: Path, tmp_path: Path
) -> None:
    phone.enrol(station)
    stored = phone.run("backup", station.link(), chats)
    back = tmp_path / "back"
    phone.run(
        "restore", station.link(), stored["snapshot_id"], "--to", back,
        "--item", f"{chats.name}/slack/testarchive.zip", "--under", f"{chats.name}/discord",
    )  # fmt: skip
    expected = {
        name: content
        for name, content in tree(chats.parent).items()
        if name.startswith((f"{chats.name}/slack/", f"{chats.name}/discord/"))
    }
    assert tree(back) == expected


def test_a_bound_invitation_shows_its_snapshot_and_no_other(
    station: Station, phone: Phone, chats: Path, tmp_path: Path
) -> None:
    phone.enrol(station)
    first = phone.run("backup", station.link(), chats / "slack")["snapshot_id"]
    second = phone.run("backup", station.link(), chats / "signal")["snapshot_id"]
    listed = phone.run("list", station.link("--snapshot", first))["snapshots"]
    assert [row["snapshot_id"] for row in listed] == [first]
    bound = station.link("--snapshot", first)
    refused = phone.begin("restore", bound, second, "--to", tmp_path / "back")
    assert refused.finish() != 0
    assert tree(tmp_path / "back") == {}


def test_other_users_snapshots_do_not_exist_for_an_account(
    station: Station, phone: Phone, chats: Path, tmp_path: Path
) -> None:
    """Bob shares the station: he sees nothing of Alice's, and her chunks are not 'held' for him."""
    phone.enrol(station)
    alices = phone.run("backup", station.link("--account", "alice"), chats)
    station.add_owner("bob")
    bob = Phone(tmp_path / "bob")
    run = bob.begin("backup", station.link("--account", "bob"), chats)
    station.allow(run)
    bobs = run.succeed()
    assert bobs["sent"] >= bobs["bytes"]
    listed = bob.run("list", station.link("--account", "bob"))["snapshots"]
    assert [row["snapshot_id"] for row in listed] == [bobs["snapshot_id"]]
    stolen = bob.begin(
        "restore", station.link("--account", "bob"), alices["snapshot_id"], "--to", tmp_path / "x"
    )
    assert stolen.finish() != 0
    assert tree(tmp_path / "x") == {}


def test_a_phone_of_another_account_is_refused_at_this_owners_invitation(
    station: Station, phone: Phone, chats: Path, tmp_path: Path
) -> None:
    phone.enrol(station)
    station.add_owner("bob")
    bob = Phone(tmp_path / "bob")
    run = bob.begin("enrol", station.link("--account", "bob"))
    station.allow(run)
    run.succeed()
    crossed = bob.begin("backup", station.link("--account", "alice"), chats)
    assert crossed.finish() != 0
    error = json.loads(crossed.output)["error"]
    assert error["code"] == "4403"
    assert "another account" in error["message"]


def test_a_used_link_is_named_so(station: Station, phone: Phone, chats: Path) -> None:
    phone.enrol(station)
    link = station.link()
    phone.run("backup", link, chats)
    again = phone.begin("backup", link, chats)
    assert again.finish() != 0
    error = json.loads(again.output)["error"]
    assert error["code"] == "4503"
    assert "used before" in error["message"]


def test_the_owner_can_deny_a_phone(station: Station, phone: Phone) -> None:
    run = phone.begin("enrol", station.link())
    while not (waiting := station.answer("phones")["waiting"]):
        assert run.process.poll() is None
    station.manage("phones", "deny", waiting[0]["digits"])
    assert run.finish() != 0
    assert station.answer("phones") == {"waiting": [], "enrolled": [], "elsewhere": []}


def test_an_invitation_in_the_terminal_can_be_scanned(shared_station: Station) -> None:
    """Claims 3 and 8, without a screen: an independent decoder reads what is drawn in text."""
    import zxingcpp
    from PIL import Image

    printed = shared_station.manage("invite")
    rows = [line for line in printed.splitlines() if set(line) & set("█▀▄")]
    width = max(map(len, rows))
    image = Image.new("L", (width, 2 * len(rows)))
    for y, row in enumerate(rows):
        for x, block in enumerate(row.ljust(width)):
            # Not inverted, as on paper: a block is dark.
            image.putpixel((x, 2 * y), 0 if block in "█▀" else 255)
            image.putpixel((x, 2 * y + 1), 0 if block in "█▄" else 255)
    read = zxingcpp.read_barcodes(image.resize((4 * width, 8 * len(rows)), 0))
    assert [code.text for code in read] == [next(w for w in printed.split() if w[:4] == "http")]
