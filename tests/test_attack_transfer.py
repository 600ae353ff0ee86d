"""Attacks on a real station by a phone that is verified: it has a ticket, and wants more.

An error of the connection closes it with the error's own code; what one chunk or one manifest has
wrong is told, and the connection stays usable. Nothing that is refused leaves anything behind.
"""

import hashlib
import os

import pytest

from tests.attacker import BACKUP, RESTORE, AccountPhone, Desk, eventually
from tests.stations import running
from wire import limits, manifest, messages, tokens
from wire.channel import FrameType, control_frame
from wire.manifest import ChunkRef, PageRef, pack_refs

NOWHERE = "0" * 26


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacked") / "station"
    with running(folder, STATION_LOG_LEVEL="INFO") as station:
        desk = Desk(station)
        desk.add_owner(name="bob")
        yield desk
        desk.close()


@pytest.fixture(scope="module")
def phone(desk):
    return AccountPhone(desk)


@pytest.fixture(scope="module")
def bob(desk):
    return AccountPhone(desk, account="bob", name="Bob's phone")


@pytest.fixture(scope="module")
def snapshot(phone):
    """A snapshot of two items that Alice really has: its id and receipt."""
    return phone.stored(b"alice's first", b"alice's second")


@pytest.fixture(autouse=True)
def leaves_nothing_behind(desk, snapshot):
    """No further snapshot, no upload under way, no file in the spool, no fault in the log."""
    before, logged = desk.kept(), len(desk.station.log())
    yield
    eventually(lambda: desk.kept() == before and not desk.spooled())
    assert desk.kept() == before
    assert desk.spooled() == []
    assert "Traceback" not in desk.station.log()[logged:]


@pytest.fixture
def backup(phone, snapshot):
    """An open connection with a backup ticket on which a backup has begun."""
    with phone.opened() as wire:
        wire.begin()
        yield wire


@pytest.fixture
def restore(phone, snapshot):
    """An open connection with a restore ticket."""
    with phone.opened(scope="restore") as wire:
        yield wire


def closed(desk, wire, code, reason=""):
    """The station told the error, closed with its code, and the trail has it."""
    assert wire.closing() == code
    told = [message for message in wire.told if isinstance(message, messages.Failure)]
    assert [message.code for message in told][-1] == code
    assert reason in told[-1].message
    assert desk.failures(wire.invitation)[-1][0] == code


def usable(wire):
    wire.say(messages.Ping())
    assert wire.hear(messages.Pong)


# Scopes

READS = [
    messages.SnapshotsList(0),
    messages.SnapshotGet(NOWHERE),
    messages.ChunksGet(NOWHERE, 0, [messages.Want(0, 0, 1)]),
    messages.RestoreDone(NOWHERE, 1, 0),
    messages.Ack(1),
]
WRITES = [
    messages.BackupBegin(NOWHERE, "", "", 0, 0),
    messages.ChunksHave(0, bytes(32)),
    messages.BackupCommit(b"{}", bytes(64)),
]
OVER = [
    messages.First("x", bytes(32), bytes(64)),
    messages.Enrol(bytes(32), "x", bytes(64)),
    messages.Verified(bytes(64)),
]


@pytest.mark.parametrize("message", READS + OVER, ids=lambda message: type(message).__name__)
def test_a_backup_ticket_reads_nothing(desk, phone, message):
    with phone.opened(scope="backup") as wire:
        wire.say(message)
        closed(desk, wire, 4403)


@pytest.mark.parametrize("message", WRITES + OVER, ids=lambda message: type(message).__name__)
def test_a_restore_ticket_writes_nothing(desk, phone, message):
    with phone.opened(scope="restore") as wire:
        wire.say(message)
        closed(desk, wire, 4403)


def test_a_restore_ticket_sends_no_chunk(desk, restore):
    restore.give((0, b"chunk"))
    closed(desk, restore, 4403)


@pytest.mark.parametrize("scope", ["backup", "restore"])
def test_a_phone_that_gives_up_says_why_and_is_believed(desk, phone, scope):
    with phone.opened(scope) as wire:
        wire.say(messages.Failure(4507, "no room\x1b[2J left"))
        assert wire.closing() == 1000
        assert wire.told == []
    assert desk.wait_for(wire.invitation, "ended")
    assert desk.failures(wire.invitation) == [(4507, "no room\N{REPLACEMENT CHARACTER}[2J left")]


def test_an_invitation_for_one_scope_gives_no_ticket_for_the_other(desk, phone):
    for scope, other in ((BACKUP, "restore"), (RESTORE, "backup")):
        invitation = desk.invitation(scope=int(scope))
        with phone.connected(invitation) as wire:
            wire.first(desk.sign(claims=phone.claims(invitation, other)))
            assert wire.closing() == 4401


# Frames and messages

MALFORMED = {
    "unknown type": control_frame(b'{"type":"backup.delete"}'),
    "no type": control_frame(b"{}"),
    "unknown field": control_frame(b'{"type":"ping","urgent":true}'),
    "missing field": control_frame(b'{"type":"chunks.have","start":0}'),
    "wrong field": control_frame(b'{"type":"chunks.have","start":"0","digests":""}'),
    "negative number": control_frame(b'{"type":"chunks.have","start":-1,"digests":""}'),
    "huge number": control_frame(b'{"type":"chunks.have","start":1e400,"digests":""}'),
    "not base64": control_frame(b'{"type":"chunks.have","start":0,"digests":"!"}'),
    "half a digest": control_frame(b'{"type":"chunks.have","start":0,"digests":"AAAA"}'),
    "a station's message": control_frame(b'{"type":"ack.all"}'),
    "no JSON": control_frame(b"\x00\xff"),
    "empty": control_frame(b""),
    "a list": control_frame(b"[]"),
    "deep JSON": control_frame(b"[" * 200_000),
    "reference out of range": control_frame(
        messages.encode(messages.ChunksHave(2**32 - 1, bytes(64)))
    ),
    "unknown frame": b"\x07\x00\x00\x00\x00",
    "truncated frame": control_frame(b'{"type":"ping"}')[:-1],
    "truncated header": b"\x00\x00",
    "frame without end": b"\x00\xff\xff\xff\xff",
    "data without reference": bytes([FrameType.DATA]) + (3).to_bytes(4) + b"abc",
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_messages_are_refused_by_name(desk, backup, kind):
    backup.say_frames(MALFORMED[kind])
    closed(desk, backup, 4400)


@pytest.mark.parametrize("kind", ["unknown type", "no JSON", "unknown frame", "truncated frame"])
def test_malformed_requests_are_refused_by_name(desk, restore, kind):
    restore.say_frames(MALFORMED[kind])
    closed(desk, restore, 4400)


def oversized_control():
    length = limits.CONTROL_BYTES_MAX + 1
    return bytes([FrameType.CONTROL]) + length.to_bytes(4) + b" " * length


def oversized_chunk():
    length = limits.DATA_REF_BYTES + limits.CHUNK_BYTES_MAX + 1
    return bytes([FrameType.DATA]) + length.to_bytes(4) + bytes(length)


@pytest.mark.parametrize("make", [oversized_control, oversized_chunk])
def test_what_is_over_its_limit_is_refused_by_name(desk, backup, make):
    backup.say_frames(make())
    closed(desk, backup, 4413)


def test_more_digests_than_a_message_may_carry_are_refused(desk, backup):
    backup.say(messages.ChunksHave(0, bytes(32 * (limits.HAVE_DIGESTS_MAX + 1))))
    closed(desk, backup, 4413)


def test_more_announced_chunks_than_may_be_outstanding_are_refused(desk, backup):
    size = limits.HAVE_DIGESTS_MAX
    for start in range(0, limits.OUTSTANDING_DIGESTS_MAX + 1, size):
        digests = b"".join(
            hashlib.sha256(number.to_bytes(8)).digest() for number in range(start, start + size)
        )
        backup.say(messages.ChunksHave(start, digests))
    closed(desk, backup, 4429)


def test_text_is_not_part_of_the_protocol(desk, backup):
    backup.send("ping")
    closed(desk, backup, 4400)


def test_a_message_over_one_mebibyte_is_refused_before_it_is_kept(backup):
    backup.send(bytes(limits.MIB))
    assert str(backup.closing()).startswith("1009")


@pytest.mark.parametrize("damage", ["flipped", "repeated", "swapped", "garbage"])
def test_a_hostile_network_ends_an_open_connection(desk, backup, damage):
    ping = control_frame(b'{"type":"ping"}')
    first, second = backup.channel.seal(ping), backup.channel.seal(ping)
    match damage:
        case "flipped":
            backup.send(first[:-1] + bytes([first[-1] ^ 1]))
        case "repeated":
            backup.send(first)
            backup.send(first)
        case "swapped":
            backup.send(second)
        case "garbage":
            backup.send((50).to_bytes(2) + os.urandom(50))
    closed(desk, backup, 4401)


def test_a_message_made_of_very_many_control_messages_is_refused(desk, phone):
    ping = control_frame(b'{"type":"ping"}')
    for scope in ("backup", "restore"):
        with phone.opened(scope) as wire:
            wire.say_frames(ping * 65)
            closed(desk, wire, 4429)


# Chunks


def test_a_chunk_with_a_wrong_digest_is_named_and_the_connection_goes_on(desk, backup):
    (ref,) = backup.lacks(b"right", start=7)
    backup.give((ref, b"wrong"))
    assert backup.refusal() == 4422
    assert backup.told[-1].ref == ref
    # It was not kept, not even under its own digest: both are lacking still.
    assert backup.lacks(b"right", b"wrong", start=20) == [20, 21]
    backup.give((20, b"right"), (21, b"wrong"))
    usable(backup)
    assert backup.lacks(b"right", b"wrong", start=30) == []


def test_a_chunk_that_was_not_asked_for_is_refused(desk, phone):
    for give in (
        lambda wire: wire.give((99, b"never announced")),
        lambda wire: [wire.give((ref, b"twice")) for ref in wire.lacks(b"twice") * 2],
    ):
        with phone.opened() as wire:
            wire.begin()
            give(wire)
            closed(desk, wire, 4403, "not asked for")


def test_nothing_is_stored_before_the_backup_has_begun(desk, phone):
    for say in (
        lambda wire: wire.give((0, b"chunk")),
        lambda wire: wire.say(messages.ChunksHave(0, bytes(32))),
        lambda wire: wire.commit(b"{}", signature=bytes(64)),
    ):
        with phone.opened() as wire:
            say(wire)
            closed(desk, wire, 4403)


def test_what_is_told_of_a_backup_may_be_corrected_until_it_is_stored(desk, phone):
    with phone.opened() as wire:
        wire.begin()
        begun = wire.snapshot_id
        first = wire.told[-1].invitation
        wire.say(messages.BackupBegin(begun, "files", "by now", 3, 300))
        again = wire.hear(messages.BackupReady)
        assert (again.snapshot_id, again.invitation) == (begun, first)  # nothing new is issued
        assert desk.told_of(snapshot=begun) == ["files", "by now", 3, 300]
        wire.say(messages.BackupBegin(begun, "files", "l" * 201, 3, 300))
        closed(desk, wire, 4413)
    with phone.opened() as wire:
        wire.begin(begun)
        assert desk.told_of(snapshot=begun) == ["mallory", "", 1, 1]


def test_a_stored_backup_does_not_begin_again_on_its_connection(desk, phone, snapshot):
    with phone.opened() as wire:
        wire.begin(snapshot[0])
        wire.say(messages.BackupBegin(snapshot[0], "files", "", 3, 300))
        closed(desk, wire, 4403)


def test_a_backup_begins_once_and_under_a_real_id(desk, phone, backup):
    backup.say(messages.BackupBegin(NOWHERE, "", "", 0, 0))
    closed(desk, backup, 4403)
    for identifier in ("", "x" * 26, "8" + "0" * 25, "../../../../../../etc/passwd", "0" * 400_000):
        with phone.opened() as wire:
            wire.say(messages.BackupBegin(identifier, "", "", 0, 0))
            closed(desk, wire, 4423, "snapshot id")


@pytest.mark.parametrize(
    "begin",
    [
        messages.BackupBegin(NOWHERE, "s" * (limits.SOURCE_CHARS_MAX + 1), "", 0, 0),
        messages.BackupBegin(NOWHERE, "", "l" * (limits.LABEL_CHARS_MAX + 1), 0, 0),
    ],
)
def test_a_label_has_a_limit(desk, phone, begin):
    with phone.opened() as wire:
        wire.say(begin)
        closed(desk, wire, 4413)


def test_a_label_with_control_characters_is_refused(desk, phone):
    for text in ("\x1b[2J", "a\x00b", "two\nlines"):
        with phone.opened() as wire:
            wire.say(messages.BackupBegin(NOWHERE, text, text, 0, 0))
            closed(desk, wire, 4423, "control character")


def test_more_unacknowledged_bytes_than_the_window_are_refused(desk, backup):
    """While the station is busy with questions, more chunks arrive than it granted."""
    chunks = [os.urandom(limits.CHUNK_BYTES_MAX) for _ in range(10)]
    assert len(b"".join(chunks)) > limits.WINDOW_BYTES
    assert len(backup.lacks(*chunks)) == len(chunks)
    questions = os.urandom(32 * limits.HAVE_DIGESTS_MAX)
    for start in range(3):
        backup.say(messages.ChunksHave(10_000 * (start + 1), questions))
    for ref, chunk in enumerate(chunks):
        backup.give((ref, chunk))
    closed(desk, backup, 4430, "window")


# Other people's


def test_what_another_vault_holds_does_not_exist_here(desk, bob, phone, snapshot):
    """Bob knows the digest of a chunk that Alice keeps. He must send it like any other."""
    with bob.opened(invitation=desk.invitation(account="bob")) as wire:
        wire.begin()
        stolen = b"alice's first"
        assert wire.lacks(stolen) == [0]
        items = [bob.item("stolen.txt", (stolen,))]
        page = manifest.encode_page(items)
        wire.upload(page, start=10)
        wire.commit(bob.header(wire.snapshot_id, items, [(page, 1)]))
        assert wire.refusal() == 4423
        assert "lacks" in wire.told[-1].message
        usable(wire)


def test_another_accounts_snapshot_is_as_absent_as_none(desk, bob, snapshot):
    with bob.opened("restore", desk.invitation(account="bob")) as wire:
        answers = []
        for identifier in (snapshot[0], manifest.snapshot_id_text(os.urandom(16))):
            for request in (
                messages.SnapshotGet(identifier),
                messages.ChunksGet(identifier, 0, [messages.Want(0, 0, 1)]),
                messages.RestoreDone(identifier, 2, 0),
            ):
                wire.say(request)
                wire.refusal()
                answers.append((wire.told[-1].code, wire.told[-1].message))
        assert answers[:3] == answers[3:]
        assert {code for code, _ in answers} == {4404}
        wire.say(messages.SnapshotsList(0))
        assert wire.hear(messages.SnapshotsPage).snapshots == []


def test_another_phones_upload_is_not_taken_over(desk, phone, backup):
    other = AccountPhone(desk, name="other")
    with other.opened() as wire:
        wire.say(messages.BackupBegin(backup.snapshot_id, "", "", 0, 0))
        closed(desk, wire, 4409)
    usable(backup)


# Bindings


@pytest.fixture
def bound(desk, phone, snapshot):
    """An open connection that may read the first item of one snapshot, and nothing else."""
    invitation = desk.invitation(snapshot=snapshot[0], items=["0000.bin"])
    with phone.opened("restore", invitation) as wire:
        yield wire


def test_a_bound_invitation_lists_and_gives_its_snapshot_alone(desk, phone, bound, snapshot):
    bound.say(messages.SnapshotsList(0))
    listed = bound.hear(messages.SnapshotsPage).snapshots
    assert [row.snapshot_id for row in listed] == [snapshot[0]]
    bound.say(messages.ChunksGet(snapshot[0], 5, [messages.Want(0, 0, 1)]))
    bound.say(messages.Ping())
    bound.hear(messages.Pong)
    assert [(ref, bytes(data)) for ref, data in bound.told[-2:-1]] == [(5, b"alice's first")]


def test_a_bound_invitation_cannot_be_widened(desk, phone, snapshot):
    outside = [
        messages.ChunksGet(snapshot[0], 0, [messages.Want(1, 0, 1)]),
        messages.ChunksGet(snapshot[0], 0, [messages.Want(0, 0, 1), messages.Want(1, 0, 1)]),
        messages.SnapshotGet(NOWHERE),
        messages.ChunksGet(NOWHERE, 0, [messages.Want(0, 0, 1)]),
        messages.RestoreDone(NOWHERE, 2, 0),
    ]
    for request in outside:
        invitation = desk.invitation(snapshot=snapshot[0], items=["0000.bin"])
        with phone.opened("restore", invitation) as wire:
            wire.say(request)
            closed(desk, wire, 4403)
            assert not [told for told in wire.told if isinstance(told, tuple)]


@pytest.mark.parametrize(
    "want",
    [
        messages.Want(0, 0, 2),
        messages.Want(0, 1, 1),
        messages.Want(0, 0, 0),
        messages.Want(0, 2**62, 2**20),
        messages.Want(2, 0, 1),
        messages.Want(2**63 - 1, 0, 1),
    ],
)
def test_a_range_that_is_not_there_is_named_and_the_connection_goes_on(restore, snapshot, want):
    restore.say(messages.ChunksGet(snapshot[0], 9, [want]))
    assert restore.refusal() == 4404
    assert restore.told[-1].ref == 9
    usable(restore)


def test_a_request_without_wants_or_with_too_many_is_refused(desk, phone, snapshot):
    for wants in ([], [messages.Want(0, 0, 1)] * (limits.WANTS_MAX + 1)):
        with phone.opened("restore") as wire:
            wire.say(messages.ChunksGet(snapshot[0], 0, wants))
            closed(desk, wire, 4413)


def test_a_page_of_the_listing_that_is_not_there_is_named(restore):
    restore.say(messages.SnapshotsList(1))
    assert restore.refusal() == 4404
    usable(restore)


def test_more_waiting_requests_than_allowed_are_refused(desk, phone, snapshot):
    """She grants no credit, so nothing of what she asks for can be sent."""
    with phone.opened("restore") as wire:
        big = messages.ChunksGet(snapshot[0], 0, [messages.Want(0, 0, 1)] * limits.WANTS_MAX)
        for _ in range(400):
            wire.say(big)
        assert wire.closing() == 4429


# Manifests

A, B = b"alice says hello", b"bob says hello back"


def two(phone):
    return [phone.item("a.txt", (A,)), phone.item("b.txt", (B,))]


def whole(phone, wire, items, /, **changes):
    """The header of one true page that lists these items, uploaded."""
    page = manifest._encoder.encode(items)
    wire.upload(page, start=1000)
    return phone.header(wire.snapshot_id, items, [(page, len(items))], **changes)


def counted(**changes):
    return lambda phone, wire: whole(phone, wire, two(phone), **changes)


def listing(*names):
    """Items called so, in this order, all on one page."""
    return lambda phone, wire: whole(phone, wire, [phone.item(name, (A,)) for name in names])


def altered(**changes):
    return lambda phone, wire: whole(phone, wire, [phone.item("a.txt", (A,), **changes)])


def on_pages(*names):
    """One item on each page."""

    def make(phone, wire):
        items = [phone.item(name, (A,)) for name in names]
        pages = [manifest.encode_page([item]) for item in items]
        for at, page in enumerate(pages):
            wire.upload(page, start=1000 + at)
        return phone.header(wire.snapshot_id, items, [(page, 1) for page in pages])

    return make


def page_lies(listed, total):
    def make(phone, wire):
        page = manifest.encode_page(two(phone))
        wire.upload(page, start=1000)
        return phone.header(wire.snapshot_id, two(phone), [(page, listed)], items=total)

    return make


def pages_swap_their_counts(phone, wire):
    """Two pages whose numbers add up, but not each."""
    items = [phone.item(name, (A,)) for name in ("a.txt", "b.txt", "c.txt")]
    pages = [manifest.encode_page(items[:1]), manifest.encode_page(items[1:])]
    wire.upload(*pages, start=1000)
    return phone.header(wire.snapshot_id, items, list(zip(pages, (2, 1), strict=True)))


def page_is(content, **changes):
    """A page that is no list of items."""

    def make(phone, wire):
        wire.upload(content, start=1000)
        right = {"items": 1, "bytes": len(A), "chunks": 1}
        return phone.header(wire.snapshot_id, [], [(content, 1)], **(right | changes))

    return make


def page_missing(phone, wire):
    items = [phone.item("only here.txt", (A,))]
    return phone.header(wire.snapshot_id, items, [(manifest.encode_page(items), 1)])


def page_of_another_length(phone, wire):
    page = manifest.encode_page(two(phone))
    wire.upload(page, start=1000)
    ref = PageRef(hashlib.sha256(page).digest(), len(page) - 1, 2)
    return phone.header(wire.snapshot_id, two(phone), [], pages=[ref])


def missing_chunk(phone, wire):
    return whole(phone, wire, [phone.item("a.txt", (A, b"never sent"))])


def chunk_of_another_length(phone, wire):
    refs = pack_refs([ChunkRef(hashlib.sha256(A).digest(), len(A) + 1)])
    return altered(chunks=refs, size=len(A) + 1)(phone, wire)


def no_json(_phone, _wire):
    return b"\x00not JSON"


DIGEST = hashlib.sha256(A).digest()
LIES = {
    "one item more": counted(items=3),
    "one byte more": counted(bytes=len(A + B) + 1),
    "one byte less": counted(bytes=len(A + B) - 1),
    "one chunk more": counted(chunks=3),
    "a page lists fewer than it says": page_lies(3, 3),
    "a page lists more than it says": page_lies(1, 1),
    "two pages swap their counts": pages_swap_their_counts,
    "names out of order": listing("b.txt", "a.txt"),
    "a name twice": listing("a.txt", "a.txt"),
    "pages out of order": on_pages("b.txt", "a.txt"),
    "a name on two pages": on_pages("a.txt", "a.txt"),
    "a name that climbs": listing("../outside.txt"),
    "a name that climbs later": listing("chats/../../outside.txt"),
    "an absolute name": listing("/etc/cron.d/x"),
    "a backslash": listing("..\\outside.txt"),
    "an empty name": listing(""),
    "a dot": listing("."),
    "an empty part": listing("a//b"),
    "a name with NUL": listing("a\x00b"),
    "a name with escape codes": listing("\x1b[2J"),
    "a name too long": listing("n" * (limits.ITEM_NAME_BYTES_MAX + 1)),
    "a chunk that was never sent": missing_chunk,
    "a chunk of another length": chunk_of_another_length,
    "an empty chunk": altered(chunks=pack_refs([ChunkRef(DIGEST, 0)]), size=0),
    "a size that is not the chunks'": altered(size=len(A) + 1),
    "a negative size": altered(size=-1),
    "half a chunk reference": altered(chunks=DIGEST, size=0),
    "half a hash": altered(sha256=DIGEST[:16]),
    "a media type that is two headers": altered(media_type="text/html\r\nX: y"),
    "a page that was never sent": page_missing,
    "a page of another length": page_of_another_length,
    "a page that is no JSON": page_is(b"\xff\x00 no page"),
    "a page that is no list": page_is(b'{"name":"a.txt"}'),
    "a page of deep JSON": page_is(b"[" * 100_000),
    "another account": counted(sub="somebody else"),
    "another issuer": counted(iss="station:" + "a" * 26),
    "another phone key": counted(phone_key=bytes(range(32))),
    "another snapshot": counted(snapshot_id=NOWHERE),
    "another format": counted(format="backupstation.manifest/2"),
    "a label with escape codes": counted(label="\x1b[2J"),
    "no JSON": no_json,
}


def with_contents(wire):
    wire.upload(A, B)
    return wire


@pytest.fixture(scope="module")
def liar(desk, phone):
    """One open connection with the chunks of two items, for one lie after the other."""
    with phone.opened() as wire:
        wire.begin()
        with_contents(wire)
        yield wire
        usable(wire)
        wire.say(messages.Bye())
        assert wire.closing() == 1000
    assert eventually(lambda: not desk.spooled())


class TestLies:
    @pytest.fixture(autouse=True)
    def leaves_nothing_behind(self, desk, liar):
        """No snapshot; what the spool has is the open connection's own."""
        before, logged = desk.kept(), len(desk.station.log())
        yield
        assert desk.kept() == before
        assert "Traceback" not in desk.station.log()[logged:]

    @pytest.mark.parametrize("lie", LIES)
    def test_a_manifest_that_lies_is_refused_by_name(self, phone, liar, lie):
        liar.commit(LIES[lie](phone, liar))
        assert liar.refusal() == 4423


def test_a_manifest_that_this_phone_did_not_sign_is_refused(desk, phone, backup):
    other = AccountPhone(desk, name="signer")
    header = whole(phone, with_contents(backup), two(phone))
    for key, signature in ((other.key, None), (None, bytes(64)), (None, b""), (None, header)):
        backup.commit(header, key, signature)
        assert backup.refusal() == 4423
        assert "signature" in backup.told[-1].message
    altered_later = header.replace(b'"mallory"', b'"mallorz"')
    backup.commit(altered_later, signature=manifest.sign_header(phone.key, header))
    assert backup.refusal() == 4423
    # The other phone's own manifest, under its own key, does not pass on this connection either.
    own = whole(other, backup, two(other))
    backup.commit(own, other.key)
    assert backup.refusal() == 4423
    usable(backup)
    # The owner is told each reason once.
    failures = desk.failures(backup.invitation)
    assert {code for code, _ in failures} == {4423}
    assert len(set(failures)) == len(failures)


def test_a_manifest_over_a_limit_is_refused(desk, phone, backup):
    digest = hashlib.sha256(b"").digest()
    pages = [PageRef(digest, 1, 0)] * (limits.PAGES_MAX + 1)
    header = manifest._encoder.encode(
        manifest.ManifestHeader(
            format=manifest.HEADER_FORMAT,
            iss=phone.iss,
            sub=phone.sub,
            snapshot_id=backup.snapshot_id,
            source="",
            label="",
            created=0,
            items=0,
            bytes=0,
            chunks=0,
            pages=pages,
            phone_key=phone.key.public_key().public_bytes_raw(),
        )
    )
    backup.commit(header)
    closed(desk, backup, 4413)


class TestSnapshotsThatStay:
    """What is legitimately kept, and what an id that is taken means."""

    @pytest.fixture(autouse=True)
    def leaves_nothing_behind(self, desk, snapshot):
        """Here a snapshot more is right; the spool must be empty all the same."""
        before = desk.kept()["snapshots"]
        yield
        assert desk.kept()["snapshots"] == before + 1
        assert eventually(lambda: not desk.spooled())

    def test_after_any_number_of_lies_the_truth_is_stored(self, phone, backup):
        with_contents(backup)
        for lie in ("one item more", "a name twice", "a chunk that was never sent"):
            backup.commit(LIES[lie](phone, backup))
            assert backup.refusal() == 4423
        backup.commit(whole(phone, backup, two(phone)))
        assert backup.hear(messages.BackupStored)

    def test_the_same_manifest_again_gets_the_same_receipt_another_is_refused(
        self, desk, phone, backup
    ):
        header = whole(phone, with_contents(backup), two(phone))
        backup.commit(header)
        receipt = backup.hear(messages.BackupStored).receipt
        backup.commit(header)
        assert backup.hear(messages.BackupStored).receipt == receipt
        snapshot_id = backup.snapshot_id
        backup.say(messages.Bye())
        with phone.opened() as again:
            again.begin(snapshot_id)
            again.commit(header)
            assert again.hear(messages.BackupStored).receipt == receipt
            again.commit(whole(phone, again, two(phone)[:1]))
            closed(desk, again, 4409)
        with phone.opened() as third:
            third.begin(snapshot_id)
            third.commit(header)
            assert third.hear(messages.BackupStored).receipt == receipt
        assert desk.snapshots().count(snapshot_id) == 1

    def test_two_connections_that_commit_one_id_at_once_store_it_once(self, desk, phone, backup):
        """The newer one takes the upload over; the older one is gone."""
        header = whole(phone, with_contents(backup), two(phone))
        with phone.opened() as newer:
            newer.begin(backup.snapshot_id)
            backup.commit(header)
            newer.commit(header)
            receipt = newer.hear(messages.BackupStored).receipt
            claims = tokens.verify(receipt, tokens.Receipt, [self.station_key(phone, desk)])
            assert claims.snapshot_id == backup.snapshot_id
        assert desk.snapshots().count(backup.snapshot_id) == 1

    @staticmethod
    def station_key(phone, desk):
        reply = phone.ask(desk.invitation())
        indication = tokens.verify(reply.indication, tokens.Indication, phone.issuer_keys)
        return tokens.unb64u(indication.station_key)
