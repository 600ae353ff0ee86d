"""For each way a transfer can fail: which side it was, why in one sentence, and what to try."""

from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from wire import errors
from wire.im import Refusal

Text = str | Promise


class Advice(NamedTuple):
    """A person's words for one failure."""

    side: Text
    why: Text
    advice: Text


PHONE: Final = _("Phone")
NETWORK: Final = _("Network")
STATION: Final = _("Station")
OWNER: Final = _("You")

MISUNDERSTOOD: Final = Advice(
    PHONE,
    _("The phone said something that this station does not understand."),
    _("Update the phone's app, or this station, so that both speak the same version."),
)
CUT_OFF: Final = Advice(
    NETWORK,
    _("The connection broke while data was under way."),
    _(
        "Keep the phone's screen on and its page open: it goes on by itself."
        " Otherwise scan the code again; what has arrived is not sent again."
    ),
)
NOT_ALLOWED_BY_OWNER: Final = Advice(
    OWNER,
    _("The phone was not allowed within ten minutes."),
    _("If that was a mistake, scan the code again and press Allow."),
)

BY_CODE: Final[dict[int, Advice]] = {
    errors.VerificationFailed.code: Advice(
        PHONE,
        _("The phone could not prove that it belongs here."),
        _("Scan the code that is on the page now. If that fails too, enrol the phone again."),
    ),
    errors.NotAllowed.code: Advice(
        PHONE,
        _("The phone asked for something that this code does not permit."),
        _("Choose what the code is for above it, and scan it again."),
    ),
    errors.NotFound.code: Advice(
        PHONE,
        _("The phone asked for something that is not kept here."),
        _("Compare the snapshot's ID with the list on this page."),
    ),
    errors.TimedOut.code: Advice(
        NETWORK,
        _("The phone fell silent."),
        _("Keep its screen on and stay near the Wi-Fi, then scan again."),
    ),
    errors.Conflict.code: Advice(
        PHONE,
        _("This snapshot ID already names another backup."),
        _("Start the backup again; the phone draws a new ID."),
    ),
    errors.ManifestRefused.code: Advice(
        PHONE,
        _("The phone's list of what it sent was not accepted, so nothing was stored."),
        _("Start the backup again; what has arrived is not sent again."),
    ),
    errors.TooMany.code: Advice(
        PHONE,
        _("The phone tried too often or asked for too much at once."),
        _("Wait a minute, then scan again."),
    ),
    errors.StationFault.code: Advice(
        STATION,
        _("Something failed inside this station. Earlier snapshots are not affected."),
        _("Try again; if it happens twice, the station's log says why."),
    ),
    errors.Busy.code: Advice(
        STATION,
        _("The code was used before, or the station is stopping."),
        _("Scan the code that is on the page now."),
    ),
    errors.StorageFull.code: Advice(
        STATION,
        _("The station's disk is full. Nothing that was stored is lost."),
        _("Make room on the disk, then start the backup again."),
    ),
    errors.Damaged.code: Advice(
        STATION,
        _("Stored data is damaged; everything undamaged can still be restored."),
        _("Run “manage.py store check --read-data” to see what is affected."),
    ),
}
BY_CAUSE: Final[dict[str, Advice]] = {
    Refusal.PHONE_REVOKED: Advice(
        PHONE,
        _("This phone was revoked."),
        _("If it should come back, reinstate it in the admin, under Phones."),
    ),
    Refusal.PHONE_UNKNOWN: Advice(
        PHONE,
        _("The phone is not enrolled here."),
        _("Enrol it by the code that is on the page now."),
    ),
    Refusal.INVITATION_EXPIRED: Advice(
        PHONE,
        _("The code had expired when the phone used it."),
        _("Scan the code that is on the page now."),
    ),
    Refusal.SESSION_TAKEN: Advice(
        PHONE,
        _("Another phone had used this code before."),
        _("Scan the code that is on the page now."),
    ),
    "denied": Advice(
        OWNER,
        _("You did not let this phone in."),
        _("If that was a mistake, scan the code again and press Allow."),
    ),
    "phone_stopped": Advice(
        PHONE,
        _("It was stopped on the phone."),
        _("Scan the code to go on: what has arrived is not sent again."),
    ),
    "another_account": Advice(
        PHONE,
        _("The phone belongs to another account than this page."),
        _("Sign in here with that account, and scan its code."),
    ),
    "phone_gave_up": Advice(
        PHONE,
        _("The phone stopped because of an error of its own."),
        _("See what the phone says, then scan again."),
    ),
}


def for_failure(code: int | None, *, was_waiting: bool = False, cause: str = "") -> Advice:
    """What to say about a failure with this code of :mod:`wire.errors`.

    ``cause`` is what the trail's details say beside it, such as a :class:`wire.im.Refusal`.
    """
    if cause in BY_CAUSE:
        return BY_CAUSE[cause]
    if code == errors.NotAllowed.code and was_waiting:
        return NOT_ALLOWED_BY_OWNER
    return BY_CODE.get(code or 0, MISUNDERSTOOD)
