"""The trail as the page tells it."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from backupstation import advice, journey
from backupstation.journey import Transfer
from backupstation.pace import Pace
from backupstation.progress import Progress
from tests.page_cast import alice, bob, plain, signed_in, trail
from transfer.models import InvitationState, Step, TrailEntry
from wire import errors

pytestmark = pytest.mark.django_db

MET = plain("scanned", "confirmed", "connected")
PROVED = plain("first", "second", "verified")
RECEIVING = ("receiving", {"detail": {"bytes": 1000, "received": 400, "items": 7}})
STORED = ("stored", {"detail": {"snapshot": "ABCDEFGH", "received": 1000, "held": 0}})


@pytest.fixture
def owner() -> User:
    return alice()


def _newest(owner: User) -> Transfer:
    return journey.recent(owner, timezone.now())[0]


def _states(transfer: Transfer) -> dict[str, str]:
    return {stage.step.value: stage.state for stage in transfer.stages}


def test_a_code_that_nobody_scanned_is_shown_and_waits_for_a_scan(owner: User) -> None:
    trail(owner, [], state=InvitationState.SHOWN)
    assert journey.recent(owner, timezone.now()) == []
    assert list(_states(journey.idle("x")).items())[:3] == [
        ("shown", "done"),
        ("scanned", "now"),
        ("confirmed", "next"),
    ]


def test_the_steps_come_in_the_order_of_the_protocol(owner: User) -> None:
    trail(owner, [*MET, *PROVED, RECEIVING, STORED], state=InvitationState.ENDED)
    assert list(_states(_newest(owner))) == [
        "shown", "scanned", "confirmed", "connected", "first", "second", "verified",
        "receiving", "stored",
    ]  # fmt: skip
    assert set(_states(_newest(owner)).values()) == {"done"}
    assert _newest(owner).is_over


def test_steps_that_were_written_late_count_from_when_they_happened(owner: User) -> None:
    now = timezone.now()
    ago = [now - timedelta(seconds=seconds) for seconds in range(9)]
    rows = [*MET, *PROVED, RECEIVING]
    dated = [(step, fields | {"at": ago[8 - n]}) for n, (step, fields) in enumerate(rows)]
    trail(owner, [dated[-1], *dated[:-1]])
    transfer = _newest(owner)
    assert transfer.last is Step.RECEIVING
    assert _states(transfer)["receiving"] == "now"
    assert _states(transfer)["verified"] == "done"


def test_the_step_after_the_last_one_is_the_current_one(owner: User) -> None:
    trail(owner, [*MET, *PROVED[:1]])
    states = _states(_newest(owner))
    assert states["first"] == "done"
    assert states["second"] == "now"
    assert states["stored"] == "next"


def test_a_new_phone_connects_and_waits_before_anybody_confirms_it(owner: User) -> None:
    waiting = ("waiting", {"detail": {"kind": "enrol", "digits": "482113"}})
    trail(owner, [*plain("scanned", "connected"), waiting], state=InvitationState.SHOWN)
    states = _states(_newest(owner))
    assert list(states)[:5] == ["shown", "scanned", "connected", "waiting", "confirmed"]
    assert states["waiting"] == "now"
    assert states["confirmed"] == "next"


def test_a_new_account_waits_after_its_ticket_was_checked(owner: User) -> None:
    waiting = ("waiting", {"detail": {"kind": "link", "digits": "482113"}})
    trail(owner, [*MET, *plain("first"), waiting])
    assert list(_states(_newest(owner)))[4:7] == ["first", "waiting", "second"]


def test_enrolment_and_the_backup_that_follows_are_one_transfer(owner: User) -> None:
    waiting = ("waiting", {"detail": {"kind": "enrol"}})
    first = [*plain("scanned", "connected"), waiting, *plain("enrolled")]
    session = trail(owner, first, state=InvitationState.ENDED)
    trail(owner, [*MET, *PROVED, RECEIVING], resumes=session)
    (transfer,) = journey.recent(owner, timezone.now())
    assert _states(transfer)["enrolled"] == "done"
    assert _states(transfer)["receiving"] == "now"
    assert session in transfer.session_ids


def test_a_restore_ends_with_what_the_phone_checked(owner: User) -> None:
    sending = ("sending", {"detail": {"sent": 5}})
    trail(owner, [*MET, *PROVED, sending])
    assert list(_states(_newest(owner)))[-2:] == ["sending", "restored"]
    assert _states(_newest(owner))["sending"] == "now"


@pytest.mark.parametrize("code", [*errors.all_errors(), 4999])
def test_every_failure_names_a_side_a_reason_and_what_to_try(owner: User, code: int) -> None:
    failed = ("failed", {"code": code, "reason": "details for the expert"})
    trail(owner, [*MET, *PROVED[:1], failed], state=InvitationState.ENDED)
    transfer = _newest(owner)
    assert _states(transfer)["second"] == "failed"
    assert "now" not in _states(transfer).values()
    assert transfer.failure is not None
    assert all(str(text) for text in transfer.failure)
    assert (transfer.code, transfer.reason) == (code, "details for the expert")


def test_each_kind_of_failure_has_words_of_its_own() -> None:
    unexplained = set(errors.all_errors()) - set(advice.BY_CODE)
    about_form = {
        errors.MalformedMessage, errors.TooLarge, errors.DigestMismatch, errors.WindowOverrun,
    }  # fmt: skip
    assert unexplained <= {error.code for error in about_form}


def test_a_phone_that_was_not_allowed_is_the_owners_choice(owner: User) -> None:
    waiting = ("waiting", {"detail": {"kind": "enrol"}})
    failed = ("failed", {"code": errors.NotAllowed.code, "reason": "no"})
    trail(owner, [*plain("scanned", "connected"), waiting, failed], state=InvitationState.SHOWN)
    assert _newest(owner).failure == advice.NOT_ALLOWED_BY_OWNER
    assert _states(_newest(owner))["waiting"] == "failed"


REFUSED = ("refused", {"code": errors.NotAllowed.code, "detail": {"cause": "session_taken"}})


def test_a_phone_that_the_im_server_refused_is_told(owner: User) -> None:
    trail(owner, [REFUSED], state=InvitationState.SHOWN)
    assert "Another phone" in str(_newest(owner).failure)
    assert _states(_newest(owner))["scanned"] == "failed"


@pytest.mark.parametrize("ending", [[RECEIVING], [RECEIVING, STORED]])
def test_a_refused_phone_does_not_speak_for_the_one_that_is_in(owner: User, ending: Any) -> None:
    trail(owner, [*MET, *PROVED, *ending, REFUSED])
    assert _newest(owner).failure is None
    assert _newest(owner).last == ending[-1][0]


def test_a_used_code_is_told_once_the_transfer_that_used_it_has_ended(owner: User) -> None:
    before, late = timezone.now() - timedelta(minutes=19), timezone.now()
    used = ("refused", {"code": errors.Busy.code, "at": late})
    done = [(step, fields | {"at": before}) for step, fields in [*MET, *PROVED, RECEIVING, STORED]]
    trail(owner, [*done, used], state=InvitationState.ENDED)
    transfer = _newest(owner)
    assert "used before" in str(transfer.failure)
    assert _states(transfer)["scanned"] == "failed"
    assert transfer.ended_at == late


def test_a_refused_phone_does_not_speak_for_a_follow_up_that_is_in(owner: User) -> None:
    before = timezone.now() - timedelta(minutes=1)
    waiting = ("waiting", {"detail": {"kind": "enrol"}, "at": before})
    enrolled = ("enrolled", {"at": before})
    session = trail(owner, [waiting, enrolled, REFUSED], state=InvitationState.ENDED)
    trail(owner, [*MET, *PROVED, RECEIVING], resumes=session, ago=timedelta(seconds=30))
    assert _newest(owner).failure is None
    assert _newest(owner).ended_at is None


def test_an_ended_trail_says_when(owner: User) -> None:
    ago = timedelta(minutes=19)
    trail(owner, [*MET, *PROVED, RECEIVING, STORED], state=InvitationState.ENDED, ago=ago)
    page = signed_in(owner).get("/").content.decode()
    ended = re.search(r'Ended <time datetime="([^"]+)" data-when="ago">', page)
    assert ended
    away = datetime.fromisoformat(ended[1]) - (timezone.now() - ago)
    assert abs(away) < timedelta(seconds=30)


def test_a_phone_that_is_refused_when_it_resumes_is_told(owner: User) -> None:
    session = trail(owner, [*MET, *PROVED, RECEIVING], state=InvitationState.ENDED)
    trail(owner, [REFUSED], resumes=session, state=InvitationState.SHOWN)
    assert "Another phone" in str(_newest(owner).failure)


def test_a_manifest_that_was_refused_is_told_until_another_is_stored(owner: User) -> None:
    failed = ("failed", {"code": errors.ManifestRefused.code, "reason": "page 3"})
    session = trail(owner, [*MET, *PROVED, RECEIVING, failed])
    assert _states(_newest(owner))["receiving"] == "failed"
    step, fields = STORED
    TrailEntry.objects.create(invitation_id=session, step=step, **fields)
    assert _newest(owner).failure is None


def test_a_phone_that_only_looked_has_nothing_before_it(owner: User) -> None:
    first = ("first", {"detail": {"scope": "restore"}})
    trail(owner, [*MET, first, *PROVED[1:]], state=InvitationState.ENDED)
    assert _newest(owner).is_over
    assert list(_states(_newest(owner)))[-1] == "verified"
    assert set(_states(_newest(owner)).values()) == {"done"}


def test_what_a_ticket_is_for_says_what_comes_next(owner: User) -> None:
    first = ("first", {"detail": {"scope": "restore"}})
    trail(owner, [*MET, first])
    assert list(_states(_newest(owner)))[-2:] == ["sending", "restored"]


def test_a_phone_was_met_when_it_came_to_be_enrolled(owner: User) -> None:
    waiting = ("waiting", {"detail": {"kind": "enrol"}})
    enrolment = [*plain("scanned", "connected"), waiting, *plain("enrolled")]
    session = trail(owner, enrolment, state=InvitationState.ENDED, ago=timedelta(seconds=9))
    trail(owner, [*MET, *PROVED, RECEIVING], resumes=session)
    times = [stage.at for stage in _newest(owner).stages if stage.at]
    assert times == sorted(times)


def test_a_phone_that_is_revoked_meanwhile_is_named_so(owner: User) -> None:
    code, detail = errors.NotAllowed.code, {"cause": "phone_revoked"}
    failed = ("failed", {"code": code, "detail": detail})
    trail(owner, [*MET, *PROVED, RECEIVING, failed], state=InvitationState.ENDED)
    assert "revoked" in str(_newest(owner).failure)


@pytest.mark.parametrize("state", [InvitationState.ENDED, InvitationState.SHOWN])
def test_a_connection_that_broke_while_receiving_was_cut_off(owner: User, state: str) -> None:
    session = trail(owner, [*MET, *PROVED, RECEIVING], state=state)
    assert _newest(owner).failure == advice.CUT_OFF
    trail(owner, [*MET], resumes=session)
    resumed = _newest(owner)
    assert resumed.failure is None
    assert _states(resumed)["first"] == "now"
    assert _states(resumed)["receiving"] == "next"


def test_a_phone_that_cannot_reach_the_port_is_noticed(owner: User) -> None:
    trail(owner, MET[:2], state=InvitationState.SHOWN, ago=timedelta(seconds=5))
    assert not _newest(owner).is_stalled
    trail(owner, MET[:2], state=InvitationState.SHOWN, ago=timedelta(seconds=2))
    later = timezone.now() + timedelta(seconds=15)
    assert journey.recent(owner, later)[0].is_stalled


def test_old_transfers_leave_the_page_but_a_long_one_stays(owner: User) -> None:
    done = [*MET, *PROVED, RECEIVING, STORED]
    trail(owner, done, state=InvitationState.ENDED, ago=timedelta(hours=1))
    assert journey.recent(owner, timezone.now()) == []
    trail(owner, [*MET, *PROVED, RECEIVING], ago=timedelta(hours=3))
    assert _states(_newest(owner))["receiving"] == "now"


def test_people_see_their_own_transfers_only(owner: User) -> None:
    trail(owner, MET)
    assert journey.recent(bob(), timezone.now()) == []


def test_two_phones_at_once_are_two_transfers_and_the_newest_ended_one_is_kept(
    owner: User,
) -> None:
    trail(owner, [*MET, *PROVED, RECEIVING], ago=timedelta(seconds=30))
    trail(owner, [*MET, STORED], state=InvitationState.ENDED, ago=timedelta(seconds=20))
    trail(owner, [*MET, STORED], state=InvitationState.ENDED, ago=timedelta(seconds=10))
    transfers = journey.recent(owner, timezone.now())
    assert [one.last for one in transfers] == [Step.STORED, Step.RECEIVING]


def test_one_query_tells_any_number_of_transfers(owner: User, django_assert_num_queries) -> None:
    for _ in range(12):
        trail(owner, [*MET, *PROVED, RECEIVING])
    with django_assert_num_queries(1):
        journey.recent(owner, timezone.now())


# Progress


def test_progress_counts_what_is_held_and_tells_the_time_left(owner: User) -> None:
    detail = {"bytes": 1000, "received": 300, "held": 200, "items": 7}
    trail(owner, [*MET, *PROVED, ("receiving", {"detail": detail})])
    transfer, pace = _newest(owner), Pace()
    assert Progress.of(transfer, pace, 10.0).bytes_per_second == 0
    transfer.detail = detail | {"received": 400}
    progress = Progress.of(transfer, pace, 12.0)
    assert (progress.over, progress.percent, progress.items) == (600, 60, 7)
    assert progress.bytes_per_second == 50
    assert progress.seconds_left == 8
    assert progress.minutes_left is None


def test_long_waits_are_told_in_minutes_rounded_up() -> None:
    progress = Progress(done=0, held=0, total=91_000, items=1, bytes_per_second=1000)
    assert progress.minutes_left == 2


def test_a_finished_transfer_has_no_progress(owner: User) -> None:
    trail(owner, [*MET, *PROVED, RECEIVING, STORED])
    assert Progress.of(_newest(owner), Pace(), 1.0) is None


def test_the_pace_is_that_of_the_last_seconds_and_forgets_old_sessions() -> None:
    pace = Pace()
    for second in range(20):
        speed = pace.bytes_per_second("a", 1000 * max(0, second - 12), float(second))
    assert speed == 1000
    for number in range(100):
        pace.bytes_per_second(str(number), 0, 0.0)
    assert len(pace._seen) <= 17
