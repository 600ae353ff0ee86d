"""A phone takes the place of another: the owner says which, on the page and on the command line."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.utils import timezone

from accounts import enrolment
from accounts.models import Phone, User
from backupstation import live, phones, roles
from backupstation.asking import Question
from tests.accounts_cast import PhoneActor
from tests.page_cast import alice, bob, shown_to, signed_in, snapshot_of
from transfer import approvals
from transfer.models import Approval, ApprovalKind, SnapshotState

pytestmark = pytest.mark.django_db
DIGITS = "482113"


@pytest.fixture
def owner() -> User:
    roles.prepare()
    return alice()


def enrolled(user: User, name: str) -> Phone:
    actor = PhoneActor()
    enrolment.enrol_embedded(user, actor.public, name)
    return Phone.objects.by_key(actor.public)


def ask(user: User, name: str = "Pixel 9", key: bytes = bytes(32)) -> Approval:
    session_id = shown_to(user).session_id
    return approvals.ask(session_id, ApprovalKind.ENROL, digits=DIGITS, phone_key=key, name=name)


def offered(user: User) -> list[str]:
    [question] = Question.all_of(approvals.waiting_for(user))
    return [phone.name for phone in question.replaceable]


# What is offered


def test_every_acting_phone_of_the_owner_is_offered_the_likely_one_first_and_none_is_chosen(
    owner: User,
) -> None:
    enrolled(owner, "pixel 9 ")
    snapshot_of(owner, phone=enrolled(owner, "Pixel 8").thumbprint)
    enrolled(bob(), "Pixel 9")
    Phone.objects.filter(pk=enrolled(owner, "gone").pk).revoke(timezone.now())
    ask(owner)
    assert offered(owner) == ["pixel 9", "Pixel 8"]
    page = signed_in(owner).get("/").content.decode()
    assert "Instead of “Pixel 8”, last backup " in page
    assert "Instead of “pixel 9”, no backup yet" in page
    assert " selected>" not in page[page.index('name="replaces-') :].partition("</select>")[0]


def test_allow_alone_revokes_no_phone_that_is_called_the_same(owner: User) -> None:
    mums = enrolled(owner, "Chrome on Android")
    approval = ask(owner, "Chrome on Android")
    page = signed_in(owner).get("/").content.decode()
    options = page[page.index('name="replaces-') :].partition("</select>")[0]
    assert options.index('<option value="">') < options.index(mums.thumbprint)
    signed_in(owner).post("/approvals/", {"allow": DIGITS, f"replaces-{DIGITS}": ""})
    approval.refresh_from_db()
    enrolment.enrol_embedded(owner, PhoneActor().public, "Chrome on Android", approval.replaces)
    assert Phone.objects.filter(revoked_at=None).count() == 2


def test_a_phone_is_offered_by_the_name_that_its_owner_gave_it(owner: User) -> None:
    enrolled(owner, "Chrome on Android")
    mums = enrolled(owner, "Chrome on Android")
    snapshot_of(owner, phone=mums.thumbprint)
    phones.keep(owner, mums.thumbprint, name="Mum's phone")
    ask(owner, "Chrome on Android")
    assert offered(owner) == ["Mum's phone", "Chrome on Android"]


def test_a_snapshot_without_a_receipt_is_no_last_backup(owner: User) -> None:
    old = enrolled(owner, "Pixel 8")
    snapshot_of(owner, phone=old.thumbprint, state=SnapshotState.UNRECEIPTED)
    ask(owner)
    assert "Instead of “Pixel 8”, no backup yet" in signed_in(owner).get("/").content.decode()


def test_any_number_of_waiting_phones_costs_three_queries(
    owner: User, django_assert_num_queries
) -> None:
    for number in range(8):
        snapshot_of(owner, phone=enrolled(owner, f"Phone {number}").thumbprint)
        ask(owner, key=bytes([number]) * 32)
    with django_assert_num_queries(3):  # the questions, the phones, their last backups
        questions = Question.all_of(approvals.waiting_for(owner))
    assert [len(one.replaceable) for one in questions] == [8] * 8


def test_nothing_is_asked_where_there_is_no_other_phone(owner: User) -> None:
    only = enrolled(owner, "Pixel 9")
    ask(owner, key=bytes(only.public_key))
    assert offered(owner) == []
    assert 'name="replaces-' not in signed_in(owner).get("/").content.decode()


def test_a_phone_that_enrols_with_its_own_key_again_replaces_none_by_itself(owner: User) -> None:
    enrolled(owner, "Pixel 9")
    again = enrolled(owner, "Pixel 9")
    ask(owner, key=bytes(again.public_key))
    assert offered(owner) == ["Pixel 9"]


# The answer


def test_the_owner_says_it_without_javascript(owner: User) -> None:
    old, approval = enrolled(owner, "Pixel 8"), ask(owner)
    answer = {"allow": DIGITS, f"replaces-{DIGITS}": old.thumbprint}
    signed_in(owner).post("/approvals/", answer)
    approval.refresh_from_db()
    assert (approval.state, approval.replaces) == ("allowed", old.thumbprint)


def test_denying_replaces_nothing(owner: User) -> None:
    old, approval = enrolled(owner, "Pixel 8"), ask(owner)
    signed_in(owner).post("/approvals/", {"deny": DIGITS, f"replaces-{DIGITS}": old.thumbprint})
    live.decide(owner, DIGITS, allow=False, replaces=old.thumbprint)
    approval.refresh_from_db()
    assert (approval.state, approval.replaces) == ("denied", "")


def test_mallory_cannot_name_alices_phone(owner: User) -> None:
    mallory = bob()
    hers, approval = enrolled(owner, "Pixel 8"), ask(mallory)
    answer = {"allow": DIGITS, f"replaces-{DIGITS}": hers.thumbprint}
    signed_in(mallory).post("/approvals/", answer)
    live.decide(mallory, DIGITS, allow=True, replaces=hers.thumbprint)
    approval.refresh_from_db()
    assert (approval.state, approval.replaces) == ("waiting", "")
    with pytest.raises(CommandError, match="The owner has no phone"):
        call_command("phones", "allow", DIGITS, "--replace", hers.thumbprint)
    assert Phone.objects.by_key(bytes(hers.public_key))


def test_a_phone_that_was_revoked_meanwhile_is_no_hindrance(owner: User) -> None:
    old, approval = enrolled(owner, "Pixel 8"), ask(owner)
    Phone.objects.all().revoke(timezone.now())
    live.decide(owner, DIGITS, allow=True, replaces=old.thumbprint)
    approval.refresh_from_db()
    assert approval.state == "allowed"
    enrolment.enrol_embedded(owner, PhoneActor().public, "Pixel 9", approval.replaces)
    assert Phone.objects.filter(revoked_at=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_answers_at_once_one_counts_with_what_it_replaces(owner: User) -> None:
    old = [enrolled(owner, name) for name in ("Pixel 7", "Pixel 8")]
    approval = ask(owner)

    def answer(phone: Phone) -> str:
        try:
            approvals.decide(owner, DIGITS, allow=True, replaces=phone.thumbprint)
        except Approval.DoesNotExist:
            return ""
        finally:
            connections.close_all()
        return phone.thumbprint

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(answer, old))
    [counted] = filter(None, answers)
    approval.refresh_from_db()
    assert approval.replaces == counted


# The command line


def test_the_command_names_the_phone_or_its_thumbprint(owner: User) -> None:
    old = enrolled(owner, "Pixel 8")
    for name in ("Pixel 8", old.thumbprint[:8]):
        approval = ask(owner)
        told = io.StringIO()
        call_command("phones", "allow", DIGITS, "--replace", name, stdout=told)
        assert told.getvalue() == "Pixel 9: allowed, instead of Pixel 8\n"
        approval.refresh_from_db()
        assert approval.replaces == old.thumbprint


def test_the_command_takes_a_thumbprint_that_begins_with_a_dash(owner: User) -> None:
    for beginning in ("-Ab3", "--c_"):
        old = enrolled(owner, "Pixel 8")
        Phone.objects.filter(pk=old.pk).update(thumbprint=beginning + old.thumbprint[4:])
        old.refresh_from_db()
        snapshot_of(owner, phone=old.thumbprint)
        shown = old.thumbprint[:8]
        call_command("phones", "name", shown, "Mum's phone", stdout=io.StringIO())
        (named,) = (one for one in phones.of_owner(owner) if one.thumbprint == old.thumbprint)
        assert named.name == "Mum's phone"
        approval = ask(owner)
        call_command("phones", "allow", DIGITS, "--replace", shown, "--json", stdout=io.StringIO())
        approval.refresh_from_db()
        assert approval.replaces == old.thumbprint
        phones.keep(owner, old.thumbprint, name="")
    with pytest.raises(CommandError, match="unrecognized arguments: --repalce"):
        call_command("phones", "allow", DIGITS, "--repalce", "Pixel 8")


def test_the_command_names_the_phone_as_its_owner_does(owner: User) -> None:
    enrolled(owner, "Chrome on Android")
    mums = enrolled(owner, "Chrome on Android")
    snapshot_of(owner, phone=mums.thumbprint)
    phones.keep(owner, mums.thumbprint, name="Mum's phone")
    for name in ("Mum's phone", "Chrome on Android"):
        approval = ask(owner)
        call_command("phones", "allow", DIGITS, "--replace", name, stdout=io.StringIO())
        approval.refresh_from_db()
        assert (approval.replaces == mums.thumbprint) is (name == "Mum's phone")


def test_the_command_asks_which_of_several(owner: User) -> None:
    prints = {enrolled(owner, "Pixel 8").thumbprint[:8] for _ in range(2)}
    approval = ask(owner)
    with pytest.raises(CommandError, match="Several phones are called Pixel 8") as refused:
        call_command("phones", "allow", DIGITS, "--replace", "Pixel 8")
    assert all(one in str(refused.value) for one in prints)
    with pytest.raises(CommandError, match="no phone Nokia"):
        call_command("phones", "allow", DIGITS, "--replace", "Nokia")
    approval.refresh_from_db()
    assert approval.state == "waiting"
    Phone.objects.filter(pk=Phone.objects.earliest("pk").pk).revoke(timezone.now())
    call_command("phones", "allow", DIGITS, "--replace", "Pixel 8", stdout=io.StringIO())
    approval.refresh_from_db()
    assert approval.replaces == Phone.objects.get(revoked_at=None).thumbprint


def test_the_command_replaces_nothing_for_nobody(owner: User) -> None:
    enrolled(owner, "Pixel 8")
    with pytest.raises(CommandError, match="No phone waits with these digits"):
        call_command("phones", "allow", DIGITS, "--replace", "Pixel 8")
    approval = ask(owner)
    with pytest.raises(CommandError, match="belongs to `phones allow`"):
        call_command("phones", "deny", DIGITS, "--replace", "Pixel 8")
    Approval.objects.filter(pk=approval.pk).update(kind=ApprovalKind.LINK)
    with pytest.raises(CommandError, match="IM server elsewhere"):
        call_command("phones", "allow", DIGITS, "--replace", "Pixel 8")
    Approval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(CommandError, match="No phone waits"):
        call_command("phones", "allow", DIGITS, "--replace", "Pixel 8")
