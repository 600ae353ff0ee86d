"""A person's phones on the page and in the terminal: last backup, name, reminder."""

import io
import json
import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from accounts.enrolment import enrol_embedded
from accounts.models import Phone, User
from backupstation import phones
from backupstation.page import Page
from tests.page_cast import alice, bob, signed_in, snapshot_of
from transfer.models import Issuer, Reminder, Upload, Vault, VaultPhone

pytestmark = pytest.mark.django_db
NAME = "Pixel 8"


@pytest.fixture
def owner() -> User:
    return alice()


def _phone(owner: User, name: str = NAME, key: int = 1) -> str:
    """Enrolled at the IM server in this station; its thumbprint."""
    enrol_embedded(owner, bytes([key]) * 32, name)
    return Phone.objects.get(name=name).thumbprint


def _backed_up(owner: User, thumbprint: str, days: float = 0, **fields) -> None:
    at = timezone.now() - timedelta(days=days)
    snapshot_of(owner, phone=thumbprint, stored_at=at, **fields)


def _part(owner: User, name: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", Page(owner).look(timezone.now())[name]).split())


# The list


def test_a_phone_is_listed_with_its_last_backup_and_its_size(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint, days=2, total_bytes=5_000_000)
    _backed_up(owner, thumbprint, days=1, total_bytes=7_000_000)
    (listed,) = phones.of_owner(owner)
    assert (listed.name, listed.last_bytes, listed.snapshots) == (NAME, 7_000_000, 2)
    assert listed.reminder is Reminder.WEEKLY
    assert listed.due_at == listed.last_at + timedelta(days=7)
    text = _part(owner, "phones")
    assert " 7.0 MB " in text
    assert "Next reminder " + listed.due_at.strftime("%Y-%m-%d") in text


def test_each_phone_has_its_own_last_backup(owner: User) -> None:
    one, two = _phone(owner), _phone(owner, "Old Nokia", 2)
    _backed_up(owner, one, days=1, total_bytes=1_000_000)
    _backed_up(owner, two, days=3, total_bytes=2_000_000)
    listed = {phone.name: phone for phone in phones.of_owner(owner)}
    assert listed[NAME].last_bytes == 1_000_000
    assert listed["Old Nokia"].last_bytes == 2_000_000
    assert listed[NAME].last_at > listed["Old Nokia"].last_at


def test_any_number_of_phones_costs_two_queries(owner: User, django_assert_num_queries) -> None:
    for key in range(1, 6):
        _backed_up(owner, _phone(owner, f"Phone {key}", key), days=key)
    with django_assert_num_queries(2):
        assert len(phones.of_owner(owner)) == 5


def test_a_phone_of_an_im_server_elsewhere_is_known_by_what_it_sent(owner: User) -> None:
    _backed_up(owner, "thumbprint-of-a-phone")
    (listed,) = phones.of_owner(owner)
    assert (listed.name, listed.short) == ("", "thumbpri")
    assert listed.is_known


def test_revoked_phones_come_last_and_are_not_reminded_of(owner: User) -> None:
    revoked, other = _phone(owner, "A lost one"), _phone(owner, "Zed", 2)
    _backed_up(owner, revoked, days=90)
    _backed_up(owner, other)
    Phone.objects.filter(thumbprint=revoked).update(revoked_at=timezone.now())
    assert [one.name for one in phones.of_owner(owner)] == ["Zed", "A lost one"]
    assert _part(owner, "reminders") == ""
    assert "revoked" in _part(owner, "phones")


def test_nobody_sees_the_phones_of_others(owner: User) -> None:
    _backed_up(owner, _phone(owner), days=30)
    assert phones.of_owner(bob()) == []
    assert _part(User.objects.get(username="bob"), "reminders") == ""


# Reminders


@pytest.mark.parametrize(
    ("every", "days", "overdue"),
    [
        (None, 6.9, False),
        (None, 7.1, True),
        (Reminder.OFF, 400, False),
        (Reminder.DAILY, 1.1, True),
        (Reminder.MONTHLY, 29, False),
        (Reminder.MONTHLY, 31, True),
    ],
)
def test_a_backup_that_is_overdue_is_said_above_everything(owner, every, days, overdue) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint, days=days)
    if every is not None:
        phones.keep(owner, thumbprint, remind_days=every)
    text = _part(owner, "reminders")
    assert bool(text) is overdue
    if overdue:
        assert f"{NAME} : last backup {int(days)} day" in text
        assert "Reminder due since" in _part(owner, "phones")
        assert f"Remind: {(every or Reminder.WEEKLY).label}" in text


def test_a_reminder_goes_when_the_phone_backs_up(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint, days=12)
    assert "12 days ago" in _part(owner, "reminders")
    _backed_up(owner, thumbprint)
    assert _part(owner, "reminders") == ""


# Setting them on the page


def _save(owner: User, thumbprint: str, name: str, remind: object, **extra):
    form = {"save": thumbprint, f"name-{thumbprint}": name, f"remind-{thumbprint}": remind}
    return signed_in(owner, **extra).post("/phones/", form)


def test_name_and_reminder_are_set_on_the_page(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint, days=12)
    html = signed_in(owner).get("/").content.decode()
    assert f'name="name-{thumbprint}"' in html
    assert _save(owner, thumbprint, "  Alice's   phone ", 30)["Location"] == "/"
    (listed,) = phones.of_owner(owner)
    assert (listed.name, listed.reminder) == ("Alice's phone", Reminder.MONTHLY)
    assert _part(owner, "reminders") == ""
    _save(owner, thumbprint, "", 0)
    (listed,) = phones.of_owner(owner)
    assert (listed.name, listed.due_at) == (NAME, None)
    assert VaultPhone.objects.count() == 1


def test_a_name_that_the_phone_gave_itself_goes_on_to_follow_it(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint)
    _save(owner, thumbprint, NAME, 7)
    Phone.objects.update(name="Pixel 9")
    assert phones.of_owner(owner)[0].name == "Pixel 9"


@pytest.mark.parametrize(
    ("name", "remind"), [("x" * 101, 7), ("a\x1b[2J", 7), ("x", 3), ("x", ""), ("x", "-1")]
)
def test_what_cannot_be_kept_is_refused(owner: User, name: str, remind: object) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint)
    assert _save(owner, thumbprint, name, remind).status_code == 400
    assert not VaultPhone.objects.exists()


FAMILY = "👨\N{ZERO WIDTH JOINER}👩\N{ZERO WIDTH JOINER}👧 phone"


def test_a_phone_with_a_joined_emoji_in_its_name_is_reminded_and_named(owner: User) -> None:
    thumbprint = _phone(owner, FAMILY)
    _backed_up(owner, thumbprint)
    assert _save(owner, thumbprint, FAMILY, 30).status_code == 302
    (listed,) = phones.of_owner(owner)
    assert (listed.name, listed.reminder) == (FAMILY, Reminder.MONTHLY)
    assert VaultPhone.objects.get().name == ""
    assert _save(owner, thumbprint, f"{FAMILY} 2", 30).status_code == 302
    assert phones.of_owner(owner)[0].name == f"{FAMILY} 2"


def test_what_the_phone_is_called_already_does_not_hinder_its_reminder(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint)
    phones.keep(owner, thumbprint, name="kept by an older version")
    VaultPhone.objects.update(name="a\x1bb")
    assert _save(owner, thumbprint, "a\x1bb", 30).status_code == 302
    assert phones.of_owner(owner)[0].reminder is Reminder.MONTHLY


def test_the_page_says_why_a_name_is_refused(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint)
    said = _save(owner, thumbprint, "a\x1b[2J", 7).content.decode()
    assert "A name has at most 100 characters, all of them visible ones." in said


def test_nobody_names_the_phone_of_another(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint)
    snapshot_of(bob())
    assert _save(User.objects.get(username="bob"), thumbprint, "mine", 7).status_code == 404
    assert _save(owner, "no-such-phone", "mine", 7).status_code == 404
    forged = _save(owner, thumbprint, "mine", 7, enforce_csrf_checks=True)
    assert forged.status_code == 403
    assert not VaultPhone.objects.exists()


def test_a_name_is_shown_as_text(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint, days=20)
    phones.keep(owner, thumbprint, name="<script>alert(1)</script>")
    parts = Page(owner).look(timezone.now())
    assert "<script>alert" not in parts["phones"] + parts["reminders"]
    assert "&lt;script&gt;" in parts["reminders"]


def test_a_phone_that_was_revoked_can_still_be_named(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint)
    Phone.objects.update(revoked_at=timezone.now())
    html = signed_in(owner).get("/").content.decode()
    assert f'name="remind-{thumbprint}"' not in html
    form = {"save": thumbprint, f"name-{thumbprint}": "Lost in Rome"}
    assert signed_in(owner).post("/phones/", form).status_code == 302
    assert phones.of_owner(owner)[0].name == "Lost in Rome"


def test_what_a_backup_added_is_told_and_is_never_more_than_all_of_it(owner: User) -> None:
    for number, received in enumerate((2_000_000, 9_000_000)):
        snapshot = snapshot_of(owner, total_bytes=5_000_000)
        Upload.objects.create(
            vault=snapshot.vault,
            snapshot_id=snapshot.snapshot_id,
            items=1,
            total_bytes=5_000_000,
            received_bytes=received,
        )
        text = _part(owner, "snapshots")
        new = ("2.0 MB new", "5.0 MB new")[number]
        assert new in text
        assert f"last backup brought {new[:6]}" in _part(owner, "storage")
    snapshot_of(owner, label="found by a rebuild")
    assert "brought" not in _part(owner, "storage")


# In the terminal


def _command(*arguments: str) -> str:
    told = io.StringIO()
    call_command("phones", *arguments, stdout=told)
    return told.getvalue()


def test_the_command_lists_last_backups_and_what_is_overdue(owner: User) -> None:
    thumbprint = _phone(owner)
    assert f"enrolled  {NAME}  (alice)  no backup yet" in _command()
    _backed_up(owner, thumbprint, days=12.5, total_bytes=1_000_000)
    size = "1.0\N{NO-BREAK SPACE}MB"
    line = f"enrolled  {NAME}  (alice)  last backup 12 days ago, {size}, remind weekly  OVERDUE"
    assert line in _command()
    (row,) = json.loads(_command("--json"))["enrolled"]
    assert (row["remind"], row["overdue"], row["bytes"]) == ("weekly", True, 1_000_000)


def test_a_backup_ahead_of_a_clock_that_was_put_back_was_today(owner: User) -> None:
    _backed_up(owner, _phone(owner), days=-3)
    assert f"enrolled  {NAME}  (alice)  last backup today" in _command()
    assert json.loads(_command("--json"))["enrolled"][0]["days"] == 0


def test_the_command_reminds_and_names_by_name_or_thumbprint(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint, days=12)
    _command("remind", NAME, "monthly")
    assert "remind monthly\n" in _command()
    _command("name", thumbprint[:8], "Alice's phone")
    _command("remind", "Alice's phone", "off")
    assert "enrolled  Alice's phone  (alice)  last backup 12 days ago" in _command()
    assert phones.of_owner(owner)[0].reminder is Reminder.OFF


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["remind", NAME], "how often"),
        (["remind", NAME, "hourly"], "daily, weekly, monthly"),
        (["remind", "Nokia", "off"], "No phone that has backed up is called 'Nokia'"),
        (["remind", "", "off"], "No phone"),
        (["name", "", "mine"], "No phone"),
        (["name", NAME, "x" * 101], "at most 100 characters"),
    ],
)
def test_the_command_says_what_it_needs(owner: User, arguments: list[str], words: str) -> None:
    _backed_up(owner, _phone(owner))
    with pytest.raises(CommandError, match=words):
        _command(*arguments)


def test_a_letter_is_no_beginning_of_a_thumbprint(owner: User) -> None:
    thumbprint = _phone(owner)
    _backed_up(owner, thumbprint)
    for begins in (thumbprint[:1], thumbprint[:5]):
        with pytest.raises(CommandError, match="No phone"):
            _command("remind", begins, "off")
    _command("remind", thumbprint[:6], "off")
    assert phones.of_owner(owner)[0].reminder is Reminder.OFF


def test_a_phone_without_a_name_is_not_meant_by_no_name(owner: User) -> None:
    _backed_up(owner, "thumbprint-of-a-phone")
    with pytest.raises(CommandError, match="No phone"):
        _command("remind", "", "off")


def test_a_name_goes_before_the_beginning_of_a_thumbprint(owner: User) -> None:
    one, two = _phone(owner), _phone(owner, "Old Nokia", 2)
    for thumbprint in (one, two):
        _backed_up(owner, thumbprint)
    phones.keep(owner, two, name=one[:8])
    _command("name", one[:8], "Meant by its name")
    assert {phone.name for phone in phones.of_owner(owner)} == {NAME, "Meant by its name"}


def test_of_two_phones_of_one_name_the_one_that_acts_is_meant(owner: User) -> None:
    _backed_up(owner, _phone(owner))
    Phone.objects.all().revoke(timezone.now())
    enrol_embedded(owner, bytes([2]) * 32, NAME)
    acting = Phone.objects.get(revoked_at=None).thumbprint
    _backed_up(owner, acting)
    _command("remind", NAME, "daily")
    assert VaultPhone.objects.get().phone == acting
    Phone.objects.all().reinstate()
    with pytest.raises(CommandError, match=f"Several phones are called {NAME}.*{acting[:8]}"):
        _command("remind", NAME, "daily")


def test_phones_elsewhere_are_named_too(owner: User) -> None:
    _backed_up(owner, "thumbprint-of-a-phone", days=8)
    Issuer.objects.create(iss="im", origin="https://im.test")
    Vault.objects.update(iss="im")
    assert "elsewhere thumbpri  (backs up for alice, by https://im.test)" in _command()
    _command("name", "thumbpri", "Work phone")
    assert "elsewhere Work phone  (backs up for alice" in _command()
    assert "OVERDUE" in _command()
