"""The admin of the backup terminal: real snapshots are found, listed, verified and pinned there."""

import hashlib
import os
import re
import threading
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from backupstation import roles
from transfer import ingest, invitations, items, trail, vaults
from transfer.checking import NotedCheck
from transfer.models import (
    Approval,
    ApprovalKind,
    Invitation,
    Issuer,
    Pack,
    Snapshot,
    SnapshotState,
    Step,
    Upload,
    Vault,
)
from transfer.verifying import verifier
from wire import manifest, messages
from wire.invitation import Scope
from wire.manifest import ChunkRef, Item, ManifestHeader, PageRef

MODELS = [
    "vault", "snapshot", "upload", "invitation", "trailentry", "approval", "issuer", "pack",
]  # fmt: skip


@pytest.fixture(autouse=True)
def prepared(db):
    roles.prepare()
    yield
    verifier.settle(30)


@pytest.fixture
def alice():
    return User.objects.create_superuser("alice")


@pytest.fixture
def browser(alice):
    return signed_in(alice)


def signed_in(user):
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def url(model, page=""):
    return f"/admin/transfer/{model}/{page}"


def detail(row):
    return reverse(f"admin:transfer_{row._meta.model_name}_change", args=[row.pk])


def invitation_for(user):
    made = invitations.issue(
        user, scope=Scope.BACKUP, addresses=[ip_address("127.0.0.1")], port=8765
    )
    return Invitation.objects.get(pk=made.session_id.hex())


def store(user, files: Mapping[str, bytes], *, per_page: int = 2, label: str = "") -> Snapshot:
    """What a phone does, through the very code that serves it."""
    phone = Ed25519PrivateKey.generate()
    vault = vaults.link(user, f"im:{user}", f"account of {user}")
    snapshot_id = manifest.snapshot_id_text(os.urandom(16))
    size = sum(map(len, files.values()))
    begin = messages.BackupBegin(snapshot_id, "Pixel 8", label, len(files), size)
    key = phone.public_key().public_bytes_raw()
    upload = ingest.begin(vault, invitation_for(user), key, begin, 2**40)
    at = 0

    def send(content: bytes) -> ChunkRef:
        nonlocal at
        digest = hashlib.sha256(content).digest()
        for ref in upload.lack(messages.ChunksHave(at, digest)).refs:
            upload.take(ref, content)
        at += 1
        return ChunkRef(digest, len(content))

    listed = [
        Item(name, len(content), 1_700_000_000_000_000_000, "text/plain",
             hashlib.sha256(content).digest(), manifest.pack_refs([send(content)]))
        for name, content in sorted(files.items())
    ]  # fmt: skip
    pages = []
    for first in range(0, len(listed), per_page):
        page = listed[first : first + per_page]
        ref = send(manifest.encode_page(page))
        pages.append(PageRef(ref.digest, ref.length, len(page)))
    header = manifest.encode_header(
        ManifestHeader(
            manifest.HEADER_FORMAT,
            vault.iss,
            vault.sub,
            snapshot_id,
            "Pixel 8",
            label,
            1_700_000_000,
            len(files),
            size,
            len(files),
            pages,
            key,
        )
    )
    upload.commit(messages.BackupCommit(header, manifest.sign_header(phone, header)))
    return Snapshot.objects.get(snapshot_id=snapshot_id)


def rows(user, **fields):
    """A row of every model, without what they would stand for."""
    vault, _ = Vault.objects.get_or_create(
        owner=user, defaults={"id": os.urandom(16).hex(), "iss": "im", "sub": str(user.pk)}
    )
    snapshot_id = manifest.snapshot_id_text(os.urandom(16))
    now = timezone.now()
    invitation = invitation_for(user)
    common = {"vault": vault, "snapshot_id": snapshot_id, "phone": "p" * 43, "source": "Pixel 8",
              "items": 1, "total_bytes": 10}  # fmt: skip
    Upload.objects.create(invitation=invitation, **common)
    Pack.objects.create(name=os.urandom(16).hex(), vault=vault, size=10)
    Approval.objects.create(
        invitation=invitation, kind=ApprovalKind.ENROL, digits="482113", phone_key="ab" * 32,
        name="Pixel", expires_at=now,
    )  # fmt: skip
    Issuer.objects.create(iss=os.urandom(8).hex(), origin="https://im", keys=["cd" * 32])
    values = {"state": SnapshotState.RECEIPTED, "created_at": now, "stored_at": now}
    return Snapshot.objects.create(**common | values | {"manifest_hash": "00" * 32} | fields)


# Lists


@pytest.mark.parametrize("model", MODELS)
def test_lists_take_no_query_for_each_row(browser, model):
    counts = []
    for more in (1, 8):
        for _ in range(more):
            rows(User.objects.create_user(os.urandom(4).hex()))
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(url(model)).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def found(browser, **query):
    listed = browser.get(url("snapshot"), query).context["cl"].result_list
    return {row.snapshot_id for row in listed}


def test_finds_a_snapshot_by_its_id_as_people_type_it(browser, alice):
    wanted = rows(alice, snapshot_id="01ARZ3NDEKTSV4RRFFQ69G5FAV").snapshot_id
    rows(alice, snapshot_id="7" * 26)
    for typed in (wanted, wanted[:8], wanted.lower(), "O1AR Z3ND", "oIar-z3nd"):
        assert found(browser, q=typed) == {wanted}
    assert found(browser, q="01ARZ3NE") == set()


def test_finds_snapshots_by_label_account_and_owner(browser, alice):
    bob = User.objects.create_user("bob")
    mine = rows(alice, label="before the trip").snapshot_id
    his = rows(bob).snapshot_id
    assert found(browser, q="trip") == {mine}
    assert found(browser, q="bob") == {his}
    assert found(browser, q=Vault.objects.get(owner=bob).sub) >= {his}


def test_filters_by_vault_state_date_pin_and_soundness(browser, alice):
    now = timezone.now()
    plain = rows(alice).snapshot_id
    hidden = rows(alice, state=SnapshotState.UNRECEIPTED).snapshot_id
    old = rows(alice, stored_at=now - timedelta(days=400)).snapshot_id
    pinned = rows(alice, pinned_at=now).snapshot_id
    damaged = rows(alice, damage="gone", proven_at=now).snapshot_id
    proven = rows(alice, proven_at=now).snapshot_id
    every = {plain, hidden, old, pinned, damaged, proven}
    his = rows(User.objects.create_user("bob"))
    assert found(browser, vault__id__exact=his.vault_id) == {his.snapshot_id}
    mine = {"vault__id__exact": Vault.objects.get(owner=alice).pk}
    assert found(browser, **mine, state__exact="unreceipted") == {hidden}
    assert found(browser, **mine, stored_at__year=old and (now - timedelta(days=400)).year) == {old}
    assert found(browser, **mine, pinned_at__isempty="0") == {pinned}
    assert found(browser, **mine, soundness="damaged") == {damaged}
    assert found(browser, **mine, soundness="proven") == {proven}
    assert found(browser, **mine, soundness="never") == every - {damaged, proven}


def choices(browser, model, title):
    """What this filter of this list offers."""
    specs = browser.get(url(model), {"_facets": "True"}).context["cl"].filter_specs
    changelist = browser.get(url(model)).context["cl"]
    (spec,) = [spec for spec in specs if str(spec.title) == title]
    return [str(choice["display"]) for choice in spec.choices(changelist)]


def test_filters_are_in_words(browser, alice):
    bob = User.objects.create_user("bob")
    rows(alice)
    rows(bob, phone="q" * 43, source="Bob's phone")
    phones = ["All", "Pixel 8 (pppppppp)", "Bob's phone (qqqqqqqq)"]
    assert choices(browser, "snapshot", "phone") == phones
    assert choices(browser, "snapshot", "pinned") == ["All", "Yes", "No"]
    assert choices(browser, "vault", "owner") == ["All", "Yes", "No"]
    assert choices(browser, "invitation", "scope") == ["All", "backup"]
    named = [f"{vault.owner} ({vault.pk[:8]})" for vault in Vault.objects.all()]
    assert set(choices(browser, "snapshot", "vault")) == {"All", *named}
    counted = browser.get(url("snapshot"), {"_facets": "True"}).content.decode()
    assert "Pixel 8 (pppppppp) (1)" in counted


def test_a_vault_without_an_owner_is_named_by_account_and_vault(browser, alice):
    snapshot = rows(alice)
    Vault.objects.filter(pk=snapshot.vault_id).update(owner=None, sub="alice@im.example")
    text = browser.get(url("snapshot")).content.decode()
    assert f"alice@im.example ({snapshot.vault_id[:8]})" in text


def test_the_log_is_filtered_by_invitation_step_and_date(browser, alice):
    invitation = rows(alice) and Invitation.objects.latest("created_at")
    trail.record(invitation.pk, Step.FAILED, reason="the phone left", code=4408)
    page = browser.get(url("trailentry"), {"q": invitation.pk[:8], "step__exact": "failed"})
    assert len(page.context["cl"].result_list) == 1
    assert "the phone left (4408)" in page.content.decode()
    assert "the phone left" in browser.get(detail(invitation)).content.decode()


# One snapshot


def test_lists_the_items_of_the_stored_manifest(browser, alice):
    files = {f"chats/{number:03}.txt": b"x" * number for number in range(1, 251)}
    snapshot = store(alice, files, per_page=7)
    for number, names in ((1, (1, 100)), (2, (101, 200)), (3, (201, 250))):
        page = browser.get(detail(snapshot), {"items": number})
        text = page.content.decode()
        shown = [item.name for item in page.context["items"].items]
        assert shown == [f"chats/{n:03}.txt" for n in range(names[0], names[1] + 1)]
        assert hashlib.sha256(files[shown[0]]).hexdigest() in text
        assert f"page {number} of 3, 250 items" in text
    assert "text/plain" in text
    assert "2023-11-14 22:13:20" in text


@pytest.mark.parametrize("number", ["0", "-1", "99", "many", "9" * 400])
def test_a_page_of_items_that_there_is_not_is_the_nearest(browser, alice, number):
    snapshot = store(alice, {"a.txt": b"a", "b.txt": b"b"})
    page = browser.get(detail(snapshot), {"items": number})
    assert [item.name for item in page.context["items"].items] == ["a.txt", "b.txt"]


def test_lists_a_snapshot_without_items(browser, alice):
    page = browser.get(detail(store(alice, {})))
    assert page.context["items"].total == 0


def test_opens_only_the_manifest_pages_that_are_shown(alice):
    snapshot = store(alice, {f"{n:04}": b"x" for n in range(1000)}, per_page=50)
    with CaptureQueriesContext(connection) as captured:
        assert items.page_of(snapshot, 5).items[0].name == "0400"
    assert len(captured) <= 4, [query["sql"] for query in captured]


def test_escapes_what_a_phone_chose_to_be_called(browser, alice):
    snapshot = store(alice, {"<script>alert(1)</script>.txt": b"x"}, label="<b>label</b>")
    text = (
        browser.get(detail(snapshot)).content.decode()
        + browser.get(url("snapshot")).content.decode()
    )
    assert "<script>alert" not in text
    assert "<b>label" not in text


def test_says_that_items_cannot_be_read_when_the_manifest_is_damaged(browser, alice):
    snapshot = store(alice, {"a.txt": b"a"})
    flip_packs(snapshot)
    page = browser.get(detail(snapshot))
    assert page.status_code == 200
    assert "cannot be read" in page.content.decode()


def flip_packs(snapshot):
    for ref in snapshot.pack_refs.all():
        path = settings.STATION_STORE_DIR / ref.pack_id
        content = bytearray(path.read_bytes())
        content[60:-40] = bytes(len(content) - 100)
        path.write_bytes(content)


def test_shows_the_receipt_decoded_and_only_when_its_signature_is_good(browser, alice):
    first = store(alice, {"a.txt": b"a"})
    second = store(alice, {"a.txt": b"a", "b.txt": b"bb"})
    shown = dict(browser.get(detail(second)).context["receipt"])
    assert shown["Snapshot ID"] == second.snapshot_id
    assert (shown["Number in the vault"], shown["Items"], shown["Bytes"]) == ("2", "2", "3")
    assert dict(browser.get(detail(first)).context["receipt"])["Hash of the receipt before"] == (
        "none: it is the first"
    )
    head, body, signature = second.receipt.split(".")
    Snapshot.objects.filter(pk=second.pk).update(receipt=f"{head}.{body}.{signature[::-1]}")
    [(name, _)] = browser.get(detail(second)).context["receipt"]
    assert name == "This receipt is not valid"


# What cannot be done, and what is not shown


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_added_edited_or_deleted_by_hand(browser, alice, model):
    store(alice, {"a.txt": b"a"})
    rows(alice)
    cl = browser.get(url(model)).context["cl"]
    page = detail(cl.result_list[0])
    before = list(cl.model.objects.values())
    assert browser.get(page).status_code == 200
    assert browser.get(url(model, "add/")).status_code == 403
    assert browser.post(page, {"state": "ended", "label": "mine"}).status_code == 403
    assert browser.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": cl.result_list[0].pk, "post": "yes"}
    browser.post(url(model), chosen)
    assert list(cl.model.objects.values()) == before


def test_shows_no_secret_key_or_chunk_id(browser, alice):
    snapshot = store(alice, {"a.txt": b"a"})
    rows(alice)
    keys = vaults.keys_of(snapshot.vault_id)
    invitation = Invitation.objects.latest("created_at")
    hidden = [bytes(invitation.wrapped_secrets), bytes(invitation.public_part), keys.master]
    hidden += [bytes.fromhex("ab" * 32), bytes.fromhex("cd" * 32)]  # of the phone, of the issuer
    hidden += [bytes(chunk.chunk_id) for chunk in snapshot.vault.chunk_set.all()]
    for model in MODELS:
        page = browser.get(url(model))
        text = page.content.decode()
        for row in page.context["cl"].result_list:
            text += browser.get(detail(row)).content.decode()
            text += browser.get(detail(row).replace("/change/", "/history/")).content.decode()
        for secret in hidden:
            assert secret.hex()[:32] not in text
            assert repr(secret)[2:40] not in text


@pytest.mark.parametrize("model", MODELS)
def test_pages_have_no_inline_script_or_style(browser, alice, model):
    store(alice, {"a.txt": b"a"})
    rows(alice)
    page = browser.get(url(model))
    text = (
        page.content.decode()
        + browser.get(detail(page.context["cl"].result_list[0])).content.decode()
    )
    assert (
        "script-src" in page["Content-Security-Policy"]
        or "default-src" in page["Content-Security-Policy"]
    )
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("model", MODELS)
def test_strangers_and_users_without_permission_see_nothing(model):
    bob = User.objects.create_user("bob")
    mallory = User.objects.create_user("mallory", is_staff=True)
    assert Client(headers={"host": "localhost"}).get(url(model)).status_code == 302
    assert signed_in(bob).get(url(model)).status_code == 302
    assert signed_in(mallory).get(url(model)).status_code == 403


# Actions


def act(browser, action, *chosen):
    form = {"action": action, "_selected_action": [row.pk for row in chosen]}
    return browser.post(url("snapshot"), form, follow=True)


def messages_of(snapshot):
    rows = LogEntry.objects.filter(object_id=snapshot.pk).order_by("id")
    return list(rows.values_list("user__username", "change_message"))


@pytest.fixture
def gate(monkeypatch):
    """Verifying waits until this is set: a database in memory serves one thread at a time."""
    gate = threading.Event()
    row = NotedCheck.row
    monkeypatch.setattr(NotedCheck, "row", lambda *given: gate.wait(30) and row(*given))
    yield gate
    gate.set()


@pytest.mark.django_db(transaction=True)
def test_verifying_proves_what_is_sound_and_names_what_is_not(browser, alice, gate):
    sound = store(alice, {"a.txt": b"a" * 1000})
    damaged = store(alice, {"b.txt": os.urandom(1000)})
    flip_packs(damaged)
    page = act(browser, "verify", sound, damaged)
    assert "2 snapshots are being verified" in page.content.decode()
    gate.set()
    verifier.settle(60)
    sound.refresh_from_db()
    damaged.refresh_from_db()
    assert sound.proven_at is not None
    assert sound.damage == ""
    assert damaged.proven_at is None
    assert "altered" in damaged.damage
    started = ("alice", "Verification asked for.")
    [first, second] = messages_of(sound)
    assert first == started
    assert second[1].startswith("Verified: every byte is sound")
    assert [text for _, text in messages_of(damaged)] == [
        started[1], "Verified: damage was found (1 faults)."
    ]  # fmt: skip
    assert damaged.damage in browser.get(detail(damaged)).content.decode().replace("&#x27;", "'")


@pytest.mark.django_db(transaction=True)
def test_a_verification_under_way_is_seen_on_the_pages(browser, alice, gate):
    first, second = store(alice, {"a.txt": b"a"}), store(alice, {"b.txt": b"b"})
    act(browser, "verify", first, second)
    act(browser, "verify", first)  # asked for twice, done once
    for page in (url("snapshot"), detail(second)):
        text = browser.get(page).content.decode()
        assert re.search(f"Verifying ({first}|{second}): ", text)
        assert "1 more waits" in text
    gate.set()
    verifier.settle(60)
    assert "Verifying" not in browser.get(url("snapshot")).content.decode()
    assert Snapshot.objects.exclude(proven_at=None).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_verification_that_fails_says_so_and_the_next_one_runs(browser, alice, gate, monkeypatch):
    first, second = store(alice, {"a.txt": b"a"}), store(alice, {"b.txt": b"b"})
    row = NotedCheck.row

    def fail_once(check, snapshot):
        found = row(check, snapshot)
        if snapshot == first:
            raise OSError("the disk went away")
        return found

    monkeypatch.setattr(NotedCheck, "row", fail_once)
    act(browser, "verify", first, second)
    gate.set()
    verifier.settle(60)
    assert messages_of(first)[-1][1].startswith("Verification stopped")
    second.refresh_from_db()
    assert second.proven_at is not None


def test_what_was_never_receipted_is_not_verified(browser, alice):
    hidden = rows(alice, state=SnapshotState.UNRECEIPTED)
    assert "0 snapshots are being verified" in act(browser, "verify", hidden).content.decode()
    assert 'value="verify"' not in browser.get(detail(hidden)).content.decode().split("<form")[-1]


def test_pins_and_unpins_in_the_audit_log(browser, alice):
    one, two = rows(alice), rows(alice)
    assert "1 snapshot was pinned" in act(browser, "pin", one).content.decode()
    one.refresh_from_db()
    pinned = one.pinned_at
    assert pinned is not None
    assert "1 snapshot was pinned" in act(browser, "pin", one, two).content.decode()
    one.refresh_from_db()
    assert one.pinned_at == pinned
    assert "2 snapshots were unpinned" in act(browser, "unpin", one, two).content.decode()
    assert Snapshot.objects.exclude(pinned_at=None).count() == 0
    assert messages_of(one) == [("alice", "Pinned."), ("alice", "Unpinned.")]
    log = browser.get("/admin/admin/logentry/").content.decode()
    assert "Unpinned." in log
    assert browser.get("/admin/admin/logentry/add/").status_code == 403


def test_looking_is_not_operating(alice):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_snapshot"))
    snapshot = store(alice, {"a.txt": b"a"})
    browser = signed_in(viewer)
    assert "a.txt" in browser.get(detail(snapshot)).content.decode()
    for action in ("verify", "pin"):
        act(browser, action, snapshot)
        assert f'value="{action}"' not in browser.get(detail(snapshot)).content.decode()
    snapshot.refresh_from_db()
    assert (snapshot.pinned_at, snapshot.proven_at) == (None, None)
