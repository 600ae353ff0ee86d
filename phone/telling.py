"""How each command's result is told: one JSON object for programs, sentences for people."""

import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from phone.display import counted, size_text
from phone.errors import Exit
from phone.sources import Problem, printable

if TYPE_CHECKING:
    from phone.backup import BackupResult
    from phone.choosing import Chosen
    from phone.restore import RestoreResult
    from phone.state import Identity
    from wire.manifest import Item
    from wire.messages import SnapshotSummary

_NAMED_MAX: Final = 20
_SECOND: Final = 1_000_000_000


class Outcome(msgspec.Struct, frozen=True):
    """A command's result: for programs, for people, and for the shell."""

    data: dict[str, Any]
    text: str
    exit: Exit = Exit.OK


def enrolled(identity: "Identity", where: str, follow_up: str) -> Outcome:
    """At which account; ``follow_up`` is the link to go on with, if there is one."""
    data = {"iss": identity.enrolment.iss, "sub": identity.enrolment.sub, "link": follow_up}
    return Outcome(data, f"This phone belongs to an account at {printable(where)}.")


def stored(result: "BackupResult") -> Outcome:
    """What a backup stored; done in part when files were left out."""
    data = {
        "snapshot_id": result.snapshot_id,
        "items": result.items,
        "bytes": result.bytes,
        "sent": result.sent,
        "held": result.held,
        "seconds": round(result.seconds, 3),
        "receipt": result.receipt,
        "station": result.station,
        "problems": [_problem(problem) for problem in result.problems],
    }
    text = (
        f"Stored {counted(result.items, 'item')} ({size_text(result.bytes)})"
        f" at {printable(result.station)} in {result.seconds:.1f} s: {size_text(result.sent)} sent,"
        f" {size_text(result.held)} already there.\nSnapshot {result.snapshot_id}"
    )
    left_out = [str(problem) for problem in result.problems]
    return Outcome(data, text + _listed(left_out), Exit.PARTIAL if left_out else Exit.OK)


def _problem(problem: Problem) -> dict[str, str]:
    return {"path": problem.path, "reason": problem.reason.value, "message": str(problem)}


def _listed(lines: list[str]) -> str:
    shown = [printable(line) for line in lines[:_NAMED_MAX]]
    if len(lines) > _NAMED_MAX:
        shown.append(f"and {len(lines) - _NAMED_MAX} more (--json names them all)")
    return "".join(f"\n  {line}" for line in shown)


def listed(found: "list[SnapshotSummary]", *, is_part: bool = False) -> Outcome:
    """The account's snapshots, one a line; ``is_part`` when the link gives a part of its one."""
    text = "\n".join(
        f"{one.snapshot_id}  {_minute(one.stored)}  {one.items:>7}"
        f" {'item ' if one.items == 1 else 'items'}  {size_text(one.bytes):>10}"
        f"  {printable(one.label or one.source)}"
        for one in found
    )
    if text and is_part:
        text += "\nThis link gives a part of the snapshot, which is what is counted here."
    data = [{field: getattr(one, field) for field in one.__struct_fields__} for one in found]
    return Outcome({"snapshots": data, "part": is_part}, text or "There is no snapshot yet.")


def contents(chosen: "Chosen") -> Outcome:
    """A snapshot's items, one a line."""
    header = chosen.header
    data = {
        "snapshot_id": header.snapshot_id,
        "label": header.label,
        "source": header.source,
        "created": header.created,
        "bytes": chosen.size,
        "items": [_item(item) for _, item in chosen.items],
    }
    lines = [
        f"{size_text(item.size):>10}  {_minute(item.mtime_ns // _SECOND)}  {printable(item.name)}"
        for _, item in chosen.items
    ]
    given = f"{counted(len(chosen.items), 'item')}, {size_text(chosen.size)}"
    if len(chosen.items) < header.items:
        given += f", of {counted(header.items, 'item')}, {size_text(header.bytes)}"
    lines.append(f"{given}, in snapshot {header.snapshot_id}")
    return Outcome(data, "\n".join(lines))


def _item(item: "Item") -> dict[str, Any]:
    return {
        "name": item.name,
        "size": item.size,
        "mtime_ns": item.mtime_ns,
        "media_type": item.media_type,
        "sha256": item.sha256.hex(),
    }


def _minute(seconds: int) -> str:
    """A time as the clock on this phone's wall had it; ``?`` when no calendar has it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{'?':^16}"


def restored(result: "RestoreResult", where: str) -> Outcome:
    """What was written to the folder ``where``."""
    return _brought_back(result, "Restored", f" to {printable(where)}")


def verified(result: "RestoreResult") -> Outcome:
    """What was read back and checked."""
    return _brought_back(result, "Verified", "")


def _brought_back(result: "RestoreResult", verb: str, where: str) -> Outcome:
    failures = [
        {"name": one.name, "reason": one.reason.value, "message": one.message}
        for one in result.failures
    ]
    data = {
        "snapshot_id": result.snapshot_id,
        "label": result.label,
        "items": result.items,
        "kept": result.kept,
        "bytes": result.bytes,
        "received": result.received,
        "seconds": round(result.seconds, 3),
        "receipt": result.receipt,
        "station": result.station,
        "own": result.own,
        "failures": failures,
        "missing": result.missing,
    }
    text = (
        f"{verb} {counted(result.items, 'item')} ({size_text(result.bytes)}) of snapshot"
        f" {result.snapshot_id}{where} in {result.seconds:.1f} s; every hash was checked."
    )
    if result.kept:
        were = "was" if result.kept == 1 else "were"
        text += f"\n{result.kept} of these {were} there already, byte for byte."
    failed = [one.message for one in result.failures]
    failed += [f"{name} is not in the snapshot." for name in result.missing]
    return Outcome(data, text + _listed(failed), Exit.PARTIAL if failed else Exit.OK)
