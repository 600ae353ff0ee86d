"""Whether the listening port can be reached: from here, and by whom it ever was."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from django.utils.translation import gettext_lazy as _

from backupstation.addresses import Candidate, Kind
from backupstation.doctor import firewall
from backupstation.doctor.findings import Finding, Since, State, Text
from backupstation.doctor.knocking import Answer
from backupstation.listening import Listening

_TITLE: Final = _("Listening port")
SAID: Final[dict[Answer, Text]] = {
    Answer.REFUSED: _("Nobody listens at %(all)s, port %(port)s."),
    Answer.DROPPED: _(
        "A connection to %(all)s, port %(port)s gets no answer: a firewall of this computer lets"
        " it vanish."
    ),
    Answer.UNREACHABLE: _("This computer lets nobody connect to %(all)s, port %(port)s."),
    Answer.FOREIGN: _("Another program answers at %(all)s, port %(port)s."),
    Answer.SILENT: _("Somebody accepts connections at %(all)s, port %(port)s, and says nothing."),
}
ADVICE: Final[dict[Answer, Text]] = {
    Answer.REFUSED: _("Start the station with “manage.py station”, and look at its log."),
    Answer.DROPPED: _("Let TCP port %(port)s in, at this address too."),
    Answer.UNREACHABLE: _("Look at this computer's firewall and at its routes."),
    Answer.FOREIGN: _("End it, or give the station another port with STATION_PORT."),
    Answer.SILENT: _("Start the station again; if that changes nothing, another program is there."),
}


def check(
    where: Listening,
    named: Sequence[Candidate],
    answers: Sequence[Answer],
    visits: Mapping[str, datetime],
) -> list[Finding]:
    """What the knocks at the addresses ``named`` tell, and when others came."""
    if is_local_only(where.host):
        return [_local_only(where)]
    return [*_from_here(where, named, answers), _from_elsewhere(where, named, visits)]


def is_local_only(host: str) -> bool:
    """Whether the server is bound to a loopback address."""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _local_only(where: Listening) -> Finding:
    return Finding(
        State.BROKEN,
        "port",
        _TITLE,
        _("The station listens at %(host)s, which is this computer alone."),
        _("Start it with STATION_HOST=0.0.0.0 and without --host."),
        {"host": where.host},
    )


def _from_here(
    where: Listening, named: Sequence[Candidate], answers: Sequence[Answer]
) -> list[Finding]:
    """One finding for each kind of answer; the address that the code names counts most."""
    found = []
    for answer in Answer:
        there = [one for one, got in zip(named, answers, strict=True) if got is answer]
        if not there:
            continue
        values = {"all": ", ".join(str(one.address) for one in there), "port": where.port}
        if answer is Answer.OURS:
            said = _("From this computer, the station answers at %(all)s, port %(port)s.")
            found.append(Finding(State.FINE, "port", _TITLE, said, values=values))
            continue
        state = State.BROKEN if named[0] in there else State.LOOK
        found.append(Finding(state, "port", _TITLE, SAID[answer], ADVICE[answer], values))
    return found


def _from_elsewhere(
    where: Listening, named: Sequence[Candidate], visits: Mapping[str, datetime]
) -> Finding:
    """Nobody can see from inside whether others are let in; but those who came were."""
    title = _("Other devices")
    mine = [str(one.address) for one in named if one.kind not in (Kind.VIRTUAL, Kind.LOOPBACK)]
    came = {here: visits[here] for here in mine if here in visits}
    values: dict[str, object] = {"port": where.port}
    if not came:
        said = _(
            "No other device has reached the station yet. Whether a firewall of this computer or of"
            " the router, or a guest Wi-Fi, keeps phones away cannot be seen from here."
        )
        return Finding(State.LOOK, "others", title, said, firewall.how_to_let_in(), values)
    shown = str(named[0].address)
    here = shown if shown in came else max(came, key=lambda one: came[one])
    said = _("Another device reached %(here)s %(since)s ago: this computer lets phones in there.")
    values |= {"here": here, "since": Since(came[here])}
    if here == shown:
        return Finding(State.FINE, "others", title, said, values=values)
    advice = _("The code names another address: choose %(here)s above it.")
    return Finding(State.LOOK, "others", title, said, advice, values)
