"""A new phone takes the place of an old one, by the command line, with nothing but real parts."""

from pathlib import Path

from tests.stations import Phone, Station, tree


def test_the_new_phone_sees_the_old_ones_snapshots_and_the_old_one_is_refused(
    station: Station, chats: Path, tmp_path: Path
) -> None:
    old, new = Phone(tmp_path / "old"), Phone(tmp_path / "new")
    enrolling = old.begin("enrol", station.link(), "--name", "Pixel 8")
    station.allow(enrolling)
    enrolling.succeed()
    kept = old.run("backup", station.link(), chats)["snapshot_id"]
    asking = new.begin("enrol", station.link(), "--name", "Pixel 9")
    digits = station.waiting_digits(asking)
    told = station.answer("phones", "allow", digits, "--replace", "Pixel 8")
    asking.succeed()
    rows = station.answer("phones")["enrolled"]
    assert {row["name"]: row["revoked"] for row in rows} == {"Pixel 8": True, "Pixel 9": False}
    assert told["replaces"] == next(row["thumbprint"] for row in rows if row["revoked"])
    assert [row["snapshot_id"] for row in new.run("list", station.link())["snapshots"]] == [kept]
    new.run("restore", station.link(), kept, "--to", tmp_path / "back")
    assert tree(tmp_path / "back" / chats.name) == tree(chats)
    assert new.run("backup", station.link(), chats)["sent"] == 0  # one vault, so all is held
    refused = old.begin("backup", station.link(), chats)
    assert refused.finish() != 0
    assert "revoked" in refused.output + refused.errors
