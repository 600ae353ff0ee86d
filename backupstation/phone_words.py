"""What the phone page's scripts say: every sentence once, translated here and shown there."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise

SENTENCES: Final[dict[str, Text]] = {
    "title.waiting": _("Compare the digits"),
    "title.link": _("Waiting for the station's owner"),
    "connecting": _("Connecting…"),
    "preparing": _("Preparing…"),
    "finishing": _("Making sure that everything is on the station's disk…"),
    "files.one": _("{count} file"),
    "files.other": _("{count} files"),
    "snapshot.line": _("{files}, {size}, {when}"),
    "send": _("Back up {files} ({size})"),
    "restore": _("Restore {files} ({size})"),
    "progress": _("{done} of {total}"),
    "speed": _("{speed}/s"),
    "left.seconds": _("about {count} s left"),
    "left.minutes": _("about {count} min left"),
    "held": _("{size} were held already"),
    "checked": _("{items} of {of} files checked"),
    "read": _("{items} of {of} files read"),
    "interrupted": _(
        "The connection is lost. Trying again: keep this page open and stay near the Wi-Fi."
    ),
    "stored.sent": _("{size} sent"),
    "stored.held": _("{size} were held already and not sent again"),
    "stored.left": _("These files are not in the snapshot:"),
    "restored.all": _(
        "{files}, {size}. Every hash was checked: these are the very bytes that were backed up."
    ),
    "save.all": _("Save all as one zip"),
    "restored.failed": _("These files could not be restored:"),
    "failed.damaged": _("damaged on the station"),
    "failed.wrong": _("not what was backed up: its hash is another"),
    "failed.room": _("no room left in this browser"),
    "save": _("Save"),
    "saved": _("Saved"),
    "remove": _("Remove {name}"),
    "untitled": _("Without a label"),
    "untitled.folder": _("Files"),
    "device": _("{browser} on {system}"),
    "more.files": _("and {count} more"),
    "reason.too_large": _("larger than one file may be"),
    "reason.unnameable": _("a name that cannot be kept"),
    "reason.unreadable": _("cannot be read, or changed while it was read"),
    "reason.vanished": _("disappeared before it was read"),
}

# By the error's name and, where it matters, what was being done: what happened, and what to do.
FAILURES: Final[dict[str, tuple[Text, Text]]] = {
    "invitation_expired": (
        _("This code has run out."),
        _("Scan the one that the station's page shows now."),
    ),
    "session_taken": (
        _("Another phone has used this code."),
        _("Scan the one that the station's page shows now."),
    ),
    "Busy": (
        _("This code was used before, or the station is stopping."),
        _("Scan the one that the station's page shows now."),
    ),
    "TimedOut": (
        _("The station has fallen silent, or the code has run out."),
        _("Stay near the Wi-Fi, and scan the code that the station's page shows now."),
    ),
    "phone_revoked": (
        _("This phone was revoked: it may no longer back up or restore."),
        _("The station's owner can reinstate it in the admin, under Phones."),
    ),
    "phone_unknown": (
        _("The station does not know this phone any more."),
        _("Ask to be let in again; what was backed up is still there."),
    ),
    "scope_not_allowed": (
        _("This code does not permit that."),
        _("On the station's page choose what the code is for, and scan it again."),
    ),
    "station_unknown": (
        _("The IM server does not know this station."),
        _("The station's owner has to register it there first."),
    ),
    "station_revoked": (
        _("This station's registration at the IM server was revoked."),
        _("Ask whoever runs the IM server."),
    ),
    "signature_wrong": (
        _("This code was not made by the station that it names."),
        _("Scan the code on the station's own page."),
    ),
    "address_public": (
        _("This code leads outside your own network."),
        _("Scan the code on the station's own page."),
    ),
    "proof_wrong": (
        _("The station did not believe this phone's key."),
        _("Scan the code again; if that fails too, ask to be let in again."),
    ),
    "too_many": (_("Too many attempts from this phone."), _("Wait a minute, then scan again.")),
    "code_unknown": (_("This one-time code is not known."), _("Check what was typed.")),
    "code_expired": (_("This one-time code has run out."), _("Ask for a new one.")),
    "code_used": (_("This one-time code was used before."), _("Ask for a new one.")),
    "key_taken": (
        _("This browser already belongs to another account."),
        _("Use another browser for this account."),
    ),
    "enrol:NotAllowed": (
        _("The station's owner did not let this phone in."),
        _("If that was a mistake, scan the code again and press Allow on the station's page."),
    ),
    "enrol:TimedOut": (
        _("Nobody pressed Allow in time, or the code has run out."),
        _("Scan the code again and press Allow on the station's page."),
    ),
    "enrol:VerificationFailed": (
        _("This code was used or refused before, or another phone is waiting with it."),
        _("Scan the one that the station's page shows now."),
    ),
    "asked:NotAllowed": (
        _("The station's owner did not accept this account."),
        _("If that was a mistake, scan the code again and press Allow on the station's page."),
    ),
    "open:NotAllowed": (
        _("This phone belongs to another account than the one that the code is for."),
        _("Sign in on the station's page with this phone's account, and scan its code."),
    ),
    "NotAllowed": (
        _("This phone may not do that, or was revoked meanwhile."),
        _("Ask the station's owner, and scan the code again."),
    ),
    "NotPermitted": (
        _("This code does not permit that."),
        _("On the station's page choose what the code is for, and scan it again."),
    ),
    "NotEnrolled": (
        _("This phone belongs to no account yet."),
        _("Scan the code again and ask to be let in."),
    ),
    "InvitationRefused": (
        _("This is no valid code of a backup station."),
        _("Scan the QR code on the station's page."),
    ),
    "VerificationFailed": (
        _("Phone and station could not prove themselves to each other."),
        _(
            "Scan the code that the station's page shows now."
            " If that fails too, ask to be let in again."
        ),
    ),
    "TokenRefused": (
        _("The station could not prove that it is the one of this code."),
        _("Do not go on in this network. Ask whoever runs the station."),
    ),
    "Untrusted": (
        _("Something answered that is not the station of this code."),
        _("Do not go on in this network. Ask whoever runs the station."),
    ),
    "Unreachable": (
        _("The station does not answer."),
        _(
            "Use the same Wi-Fi as the station, switch off VPNs,"
            " and see whether it is still running."
        ),
    ),
    "CutOff": (
        _("The connection to the station was lost."),
        _("Scan the code again. What has arrived is not sent again."),
    ),
    "NothingToDo": (_("There is nothing that can be read."), _("Choose other files.")),
    "NotFound": (_("The station does not have that any more."), _("Look at the list again.")),
    "StorageFull": (
        _("The station's disk is full. Nothing that was stored is lost."),
        _("Make room there, then start the backup again."),
    ),
    "NoRoom": (
        _("This browser has no room for that, or keeps nothing in a private window."),
        _("Leave the private window, make room on the phone, or restore fewer files at a time."),
    ),
    "save:NoRoom": (
        _("This browser has thrown away what was restored, to make room."),
        _("Scan the code again and restore fewer files at a time, or save them sooner."),
    ),
    "TooOld": (
        _("This browser is too old for this page, or could not load all of it."),
        _("Reload it; if that does not help, use a current Chrome, Firefox or Safari."),
    ),
    "StationFault": (
        _("Something failed inside the station. Earlier snapshots are not affected."),
        _("Try again; if it happens twice, the station's log says why."),
    ),
    "Damaged": (
        _("What the station has stored is damaged there."),
        _("Choose other files; everything undamaged can still be restored."),
    ),
    "Conflict": (
        _("This snapshot ID already names another backup."),
        _("Scan the code again and start anew."),
    ),
    "ManifestRefused": (
        _("The station did not accept the list of what was sent, so nothing was stored."),
        _("Scan the code again; what has arrived is not sent again."),
    ),
    "TooMany": (_("Too many attempts from this phone."), _("Wait a minute, then scan again.")),
    "Stopped": (
        _("You stopped it."),
        _("Scan the code again to go on; what has arrived is not sent again."),
    ),
    "other": (
        _("Phone and station do not understand each other."),
        _("Reload this page from a fresh code; update the station if that does not help."),
    ),
}


def words() -> dict[str, object]:
    """All of it in the language of the request, as the page's scripts read it."""
    return {
        "sentences": {key: str(text) for key, text in SENTENCES.items()},
        "failures": {key: [str(text) for text in pair] for key, pair in FAILURES.items()},
    }
