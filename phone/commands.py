"""What each command does with its options, and how its result is told.

The modules that do the work are loaded by the command that needs them: an unchanged backup is over
before all of them would be.
"""

import argparse
from typing import TYPE_CHECKING, Any, Final

import msgspec

from phone.display import Display, size_text
from phone.errors import Exit, Usage
from phone.sources import Problem, printable

if TYPE_CHECKING:
    from phone.restore import RestoreResult
    from phone.state import Home
    from wire.messages import SnapshotSummary

PATIENCE_SECONDS: Final = 120.0
_NAMED_MAX: Final = 20


class Outcome(msgspec.Struct, frozen=True):
    """A command's result: for programs, for people, and for the shell."""

    data: dict[str, Any]
    text: str
    exit: Exit = Exit.OK


def _home(options: argparse.Namespace) -> "Home":
    from phone.state import Home, default_home  # noqa: PLC0415

    return Home(options.home.expanduser() if options.home else default_home())


def enrol(options: argparse.Namespace) -> Outcome:
    """Enrol by a link and the owner's Allow, or at a separate IM server by a code."""
    from phone import enrolling  # noqa: PLC0415
    from phone.link import read_link  # noqa: PLC0415

    by_code = options.im is not None and options.code is not None
    if by_code == (options.link is not None) or (options.im is None) != (options.code is None):
        raise Usage("Give either a LINK, or --im ORIGIN with --code CODE.")
    home = _home(options)
    if by_code:
        identity = enrolling.enrol_by_code(options.im, options.code, home, name=options.name)
        follow_up, where = "", options.im
    else:
        with Display() as display:
            identity, link = enrolling.enrol(
                read_link(options.link), home, name=options.name, tell=display.tell
            )
        follow_up = link.invitation.link(link.origin)
        where = identity.enrolment.station_name
    data = {"iss": identity.enrolment.iss, "sub": identity.enrolment.sub, "link": follow_up}
    return Outcome(data, f"This phone now belongs to an account at {printable(where)}.")


def backup(options: argparse.Namespace) -> Outcome:
    """Back up paths; enrols this phone first where it must."""
    from phone.backup import Backup  # noqa: PLC0415
    from phone.enrolling import ready  # noqa: PLC0415
    from phone.link import read_link  # noqa: PLC0415
    from phone.sources import scan  # noqa: PLC0415

    link, home = read_link(options.link), _home(options)
    found = scan(options.paths)
    with Display() as display:
        identity, link = ready(link, home, tell=display.tell)
        work = Backup(found, identity, home, label=options.label, tell=display.tell)
        result = work.run(link, options.patience)
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
        f"Stored {result.items} items ({size_text(result.bytes)}) at {printable(result.station)}"
        f" in {result.seconds:.1f} s; {size_text(result.sent)} were sent,"
        f" {size_text(result.held)} were there already.\nSnapshot {result.snapshot_id}"
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


def list_snapshots(options: argparse.Namespace) -> Outcome:
    """List this account's snapshots, newest first."""
    from phone.enrolling import ready  # noqa: PLC0415
    from phone.link import read_link  # noqa: PLC0415
    from phone.listing import snapshots  # noqa: PLC0415

    with Display() as display:
        identity, link = ready(read_link(options.link), _home(options), tell=display.tell)
        found = snapshots(link, identity, tell=display.tell)
    return Outcome({"snapshots": [_summary(one) for one in found]}, _table(found))


def _summary(one: "SnapshotSummary") -> dict[str, Any]:
    return {field: getattr(one, field) for field in one.__struct_fields__}


def _table(found: "list[SnapshotSummary]") -> str:
    import time  # noqa: PLC0415

    if not found:
        return "There is no snapshot yet."
    return "\n".join(
        f"{one.snapshot_id}  {time.strftime('%Y-%m-%d %H:%M', time.localtime(one.stored))}"
        f"  {one.items:>7} items  {size_text(one.bytes):>10}  {printable(one.label or one.source)}"
        for one in found
    )


def restore(options: argparse.Namespace) -> Outcome:
    """Restore a snapshot, or chosen items of it, into a folder."""
    from phone.enrolling import ready  # noqa: PLC0415
    from phone.link import read_link  # noqa: PLC0415
    from phone.restore import restore as bring_back  # noqa: PLC0415
    from phone.writing import Existing, Target  # noqa: PLC0415
    from wire.limits import SELECTION_NAMES_MAX  # noqa: PLC0415
    from wire.messages import Selection  # noqa: PLC0415

    selection = Selection(options.item, options.under) if options.item or options.under else None
    if len(options.item) + len(options.under) > SELECTION_NAMES_MAX:
        raise Usage(f"At most {SELECTION_NAMES_MAX} items and folders can be chosen at once.")
    link = read_link(options.link)
    existing = Existing.REPLACE if options.overwrite else Existing.KEEP
    with Display() as display:
        identity, link = ready(link, _home(options), tell=display.tell)
        result = bring_back(
            link,
            options.snapshot,
            Target(options.to, existing),
            identity,
            selection=selection,
            tell=display.tell,
            patience=options.patience,
        )
    return _restored(result, "Restored", f" to {printable(str(options.to))}")


def verify(options: argparse.Namespace) -> Outcome:
    """Read a snapshot back and check every hash."""
    from phone.enrolling import ready  # noqa: PLC0415
    from phone.link import read_link  # noqa: PLC0415
    from phone.restore import verify as check  # noqa: PLC0415

    with Display() as display:
        identity, link = ready(read_link(options.link), _home(options), tell=display.tell)
        result = check(
            link, options.snapshot, identity, tell=display.tell, patience=options.patience
        )
    return _restored(result, "Verified", "")


def _restored(result: "RestoreResult", verb: str, where: str) -> Outcome:
    failures = [
        {"name": one.name, "reason": one.reason.value, "message": one.message}
        for one in result.failures
    ]
    data = {
        "snapshot_id": result.snapshot_id,
        "label": result.label,
        "items": result.items,
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
        f"{verb} {result.items} items ({size_text(result.bytes)}) of snapshot"
        f" {result.snapshot_id}{where} in {result.seconds:.1f} s; every hash was checked."
    )
    failed = [one.message for one in result.failures]
    failed += [f"{name} is not in the snapshot." for name in result.missing]
    return Outcome(data, text + _listed(failed), Exit.PARTIAL if failed else Exit.OK)
