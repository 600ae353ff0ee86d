"""What each command does with its options.

The modules that do the work are loaded by the command that needs them: an unchanged backup is over
before all of them would be.
"""

import argparse
from typing import TYPE_CHECKING, Final

from phone import telling
from phone.display import Display
from phone.errors import Usage
from phone.telling import Outcome

if TYPE_CHECKING:
    from phone.link import Link
    from phone.state import Home, Identity

PATIENCE_SECONDS: Final = 120.0


def _home(options: argparse.Namespace) -> "Home":
    from phone.state import Home, default_home  # noqa: PLC0415

    return Home(options.home.expanduser() if options.home else default_home())


def _ready(options: argparse.Namespace, display: Display) -> "tuple[Identity, Link]":
    """This phone's identity for the link that was given; enrols first where it must."""
    from phone.enrolling import ready  # noqa: PLC0415
    from phone.link import read_link  # noqa: PLC0415

    return ready(read_link(options.link), _home(options), name=options.name, tell=display.tell)


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
        return telling.enrolled(identity, options.im, "")
    with Display() as display:
        identity, link = enrolling.enrol(
            read_link(options.link), home, name=options.name, tell=display.tell
        )
    enrolment = identity.enrolment
    where = enrolment.station_name or enrolment.im_origin
    return telling.enrolled(identity, where, link.invitation.link(link.origin))


def backup(options: argparse.Namespace) -> Outcome:
    """Back up paths; enrols this phone first where it must."""
    from phone.backup import Backup  # noqa: PLC0415
    from phone.enrolling import ready  # noqa: PLC0415
    from phone.link import read_link  # noqa: PLC0415
    from phone.sources import scan  # noqa: PLC0415

    link, home = read_link(options.link), _home(options)
    found = scan(options.paths)
    with Display() as display:
        identity, link = ready(link, home, name=options.name, tell=display.tell)
        work = Backup(found, identity, home, label=options.label, tell=display.tell)
        return telling.stored(work.run(link, options.patience))


def list_kept(options: argparse.Namespace) -> Outcome:
    """List this account's snapshots, newest first, or the items of one."""
    from phone.listing import snapshots  # noqa: PLC0415

    with Display() as display:
        identity, link = _ready(options, display)
        if not options.snapshot:
            found, is_part = snapshots(link, identity, tell=display.tell)
            return telling.listed(found, is_part=is_part)
        from phone.restore import contents  # noqa: PLC0415

        return telling.contents(contents(link, options.snapshot, identity, tell=display.tell))


def restore(options: argparse.Namespace) -> Outcome:
    """Restore a snapshot, or chosen items of it, into a folder."""
    from phone.restore import restore as bring_back  # noqa: PLC0415
    from phone.writing import Existing, Target  # noqa: PLC0415
    from wire.limits import SELECTION_NAMES_MAX  # noqa: PLC0415
    from wire.messages import Selection  # noqa: PLC0415

    selection = Selection(options.item, options.under) if options.item or options.under else None
    if len(options.item) + len(options.under) > SELECTION_NAMES_MAX:
        raise Usage(f"At most {SELECTION_NAMES_MAX} items and folders can be chosen at once.")
    existing = Existing.REPLACE if options.overwrite else Existing.KEEP
    with Display() as display:
        identity, link = _ready(options, display)
        result = bring_back(
            link,
            options.snapshot,
            Target(options.to, existing),
            identity,
            selection=selection,
            tell=display.tell,
            patience=options.patience,
        )
    return telling.restored(result, str(options.to))


def verify(options: argparse.Namespace) -> Outcome:
    """Read a snapshot back and check every hash."""
    from phone.restore import verify as check  # noqa: PLC0415

    with Display() as display:
        identity, link = _ready(options, display)
        result = check(
            link, options.snapshot, identity, tell=display.tell, patience=options.patience
        )
    return telling.verified(result)
