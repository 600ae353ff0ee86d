"""A station that attacks the phone: the real phone's library and command line against it.

The station holds its own keys and the issuer's, so whatever it says is signed as it should be. It
still must not write where it was not told to, be told more than it is owed, or be believed.
"""

import hashlib
import os
import subprocess
import sys
import time
import unicodedata

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phone import im
from phone.backup import backup
from phone.enrolling import ready
from phone.errors import Exit, PhoneError, explain
from phone.link import read_link
from phone.listing import snapshots
from phone.restore import restore
from phone.state import Home
from phone.uploading import Uploading
from phone.writing import Target
from tests.phone_peer import Cut, Peer
from tests.stations import ROOT, tree
from wire import limits, manifest, messages, tokens
from wire.errors import ManifestRefused, WireError, all_errors
from wire.handshake import StationHandshake
from wire.invitation import Invitation
from wire.manifest import ChunkRef, Item, ManifestHeader, PageRef

SECRET = b"what the target's folder must never be left for\n"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def chats(tmp_path):
    folder = tmp_path / "chats"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"hello\n" * 2000)
    (folder / "b.jpg").write_bytes(os.urandom(300_000))
    return folder


def refused(action, *arguments, **options):
    """The phone's refusal, which must be one that it can explain."""
    with pytest.raises((PhoneError, WireError)) as failure:
        action(*arguments, **options)
    assert explain(failure.value).code != "unexpected"
    return failure.value


def back_up(peer, home, chats):
    identity, link = ready(read_link(peer.link()), home)
    return backup(link, [chats], identity, home, patience=0)


class Forger(Peer):
    """Makes up whole snapshots, signed by a phone of its own, receipted by itself."""

    def forge(self, *items, **changes):
        """A snapshot of these items; answers its id."""
        key = Ed25519PrivateKey.generate()
        page = msgspec.json.encode(list(items))
        self.chunks[hashlib.sha256(page).digest()] = page
        right = {
            "format": manifest.HEADER_FORMAT,
            "iss": self.iss,
            "sub": self.sub,
            "snapshot_id": manifest.snapshot_id_text(os.urandom(16)),
            "source": "forged",
            "label": "",
            "created": 1,
            "items": len(items),
            "bytes": sum(item.size for item in items),
            "chunks": sum(item.chunk_count for item in items),
            "pages": [PageRef(hashlib.sha256(page).digest(), len(page), len(items))],
            "phone_key": key.public_key().public_bytes_raw(),
        }
        header = manifest.encode_header(ManifestHeader(**(right | changes)))
        told = manifest.decode_header(header)
        signature = manifest.sign_header(key, header)
        self.snapshots[told.snapshot_id] = messages.SnapshotManifest(
            header, signature, self.receipt(header), [0]
        )
        return told.snapshot_id

    def item(self, name, *pieces, **changes):
        """An item whose chunks this station has."""
        pieces = pieces or (b"forged",)
        for piece in pieces:
            self.chunks[hashlib.sha256(piece).digest()] = piece
        right = {
            "name": name,
            "size": sum(map(len, pieces)),
            "mtime_ns": 0,
            "media_type": "text/plain",
            "sha256": hashlib.sha256(b"".join(pieces)).digest(),
            "chunks": manifest.pack_refs(
                ChunkRef(hashlib.sha256(piece).digest(), len(piece)) for piece in pieces
            ),
        }
        return Item(**(right | changes))


def restore_forged(peer, home, out, snapshot_id):
    identity, link = ready(read_link(peer.link()), home)
    return restore(link, snapshot_id, Target(out), identity, patience=0)


# Names

HOSTILE_NAMES = [
    "../evil.txt",
    "../../evil.txt",
    "chats/../../evil.txt",
    "/tmp/evil.txt",
    "//evil.txt",
    "./evil.txt",
    "..",
    ".",
    "",
    "chats//evil.txt",
    "chats/",
    "..\\evil.txt",
    "C:\\evil.txt",
    "evil\x00.txt",
    "evil\n.txt",
    "evil\x1b[2J.txt",
    "e" * (limits.ITEM_NAME_BYTES_MAX + 1),
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_outside_the_target_restores_nothing_at_all(tmp_path, home, name):
    out = tmp_path / "deep/er/out"
    with Forger() as peer:
        identifier = peer.forge(peer.item("good.txt"), peer.item(name))
        error = refused(restore_forged, peer, home, out, identifier)
        assert error.code == 4423
        assert peer.done is None
    assert tree(out) == {}
    assert [path.name for path in (tmp_path / "deep").rglob("*")] == ["er", "out"]


def test_links_in_the_target_do_not_lead_a_restore_out(tmp_path, home):
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_bytes(SECRET)
    (out / "folder").symlink_to(outside)
    (out / "file.txt").symlink_to(outside / "secret.txt")
    with Forger() as peer:
        identifier = peer.forge(
            peer.item("file.txt"), peer.item("folder/new.txt"), peer.item("folder/secret.txt")
        )
        done = restore_forged(peer, home, out, identifier)
        assert done.items == 0
        assert {failure.name for failure in done.failures} == {
            "file.txt",
            "folder/new.txt",
            "folder/secret.txt",
        }
    assert tree(outside) == {"secret.txt": SECRET}


def test_names_that_stand_in_each_others_way_cost_those_items_alone(tmp_path, home):
    with Forger() as peer:
        identifier = peer.forge(
            peer.item("a", b"first"),
            peer.item("a", b"again"),
            peer.item("a/b", b"below"),
            peer.item("c", b"fine"),
        )
        done = restore_forged(peer, home, tmp_path / "out", identifier)
        assert {failure.name for failure in done.failures} <= {"a", "a/b"}
        assert (done.items, len(done.failures)) == (2, 2)
    # Which one came first is chance; it is whole, and nothing was written over it.
    written = tree(tmp_path / "out")
    assert written.pop("c") == b"fine"
    assert written in ({"a": b"first"}, {"a": b"again"}, {"a/b": b"below"})


def test_an_existing_file_is_not_replaced(tmp_path, home):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_bytes(SECRET)
    with Forger() as peer:
        done = restore_forged(peer, home, out, peer.forge(peer.item("mine.txt")))
        assert [failure.reason for failure in done.failures] == ["exists"]
    assert tree(out) == {"mine.txt": SECRET}


# Bytes


@pytest.mark.parametrize(
    "changes",
    [{"sha256": bytes(32)}, {"sha256": hashlib.sha256(b"another").digest()}],
)
def test_an_item_that_is_not_what_its_hash_says_is_not_written(tmp_path, home, changes):
    with Forger() as peer:
        identifier = peer.forge(peer.item("lie.txt", b"one", b"two", **changes))
        done = restore_forged(peer, home, tmp_path / "out", identifier)
        assert [failure.reason for failure in done.failures] == ["damaged"]
    assert tree(tmp_path / "out") == {}


def test_a_chunk_that_is_longer_than_was_said_is_not_written(tmp_path, home):
    with Forger() as peer:
        honest = peer.item("a.txt", b"forged")
        short = manifest.pack_refs([ChunkRef(honest.sha256, 3)])
        identifier = peer.forge(msgspec.structs.replace(honest, chunks=short, size=3))
        done = restore_forged(peer, home, tmp_path / "out", identifier)
        assert [failure.reason for failure in done.failures] == ["damaged"]
    assert tree(tmp_path / "out") == {}


@pytest.mark.parametrize("lie", [{"bytes": 10**15}, {"chunks": 77}])
def test_a_header_that_counts_otherwise_than_its_pages_is_refused(tmp_path, home, lie):
    with Forger() as peer:
        identifier = peer.forge(peer.item("a.txt"), **lie)
        error = refused(restore_forged, peer, home, tmp_path / "out", identifier)
        assert explain(error).exit is Exit.VERIFICATION
    assert tree(tmp_path / "out") == {}


class Swapper(Forger):
    """Answers with another chunk that it has: same length, right order, wrong content."""

    def give(self, digest):
        wanted = super().give(digest)
        others = [one for one in self.chunks.values() if len(one) == len(wanted) and one != wanted]
        return others[0] if others else wanted


def test_a_chunk_of_the_same_snapshot_in_anothers_place_is_noticed(tmp_path, home):
    with Swapper() as peer:
        identifier = peer.forge(peer.item("a.txt", b"AAAA"), peer.item("b.txt", b"BBBB"))
        done = restore_forged(peer, home, tmp_path / "out", identifier)
        assert [failure.reason for failure in done.failures] == ["damaged", "damaged"]
    assert tree(tmp_path / "out") == {}


@pytest.mark.parametrize("lie", [{"sub": "somebody else"}, {"iss": "station:" + "a" * 26}])
def test_another_accounts_snapshot_is_refused_though_all_is_signed(tmp_path, home, lie):
    with Forger() as peer:
        identifier = peer.forge(peer.item("a.txt"), **lie)
        error = refused(restore_forged, peer, home, tmp_path / "out", identifier)
        assert explain(error).exit is Exit.VERIFICATION
    assert tree(tmp_path / "out") == {}


def test_a_snapshot_that_another_phone_signed_is_told_apart(tmp_path, home):
    """It may be another phone of the account, or the station's invention: ``own`` says so."""
    with Forger() as peer:
        identifier = peer.forge(peer.item("a.txt"))
        assert restore_forged(peer, home, tmp_path / "out", identifier).own is False


class WrongReceipt(Forger):
    """A receipt that is signed as it should be, for something else."""

    change = None

    def receipt(self, header):
        right = tokens.verify(super().receipt(header), tokens.Receipt, [self.station_public])
        wrong = msgspec.structs.replace(right, **self.change) if self.change else right
        return tokens.sign(wrong, self.station_key)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "a" * 26},
        {"snapshot_id": "0" * 26},
        {"manifest_hash": tokens.b64u(bytes(32))},
        {"items": 99},
        {"bytes": 7},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_receipt_for_something_else_is_refused_both_ways(tmp_path, home, chats, change):
    with WrongReceipt() as peer:
        peer.change = change
        identifier = peer.forge(peer.item("a.txt"))
        error = refused(restore_forged, peer, home, tmp_path / "out", identifier)
        assert explain(error).exit is Exit.VERIFICATION
        assert explain(refused(back_up, peer, home, chats)).exit is Exit.VERIFICATION
    assert tree(tmp_path / "out") == {}


# Verification


class WrongClaim(Peer):
    """The second verification information, properly signed, with one claim of its own."""

    claim = ""

    def accept(self, shaking, ticket):
        right = tokens.SecondInfo(
            iss=self.station_id,
            sub=ticket.sub,
            aud=ticket.cnf,
            sid=ticket.sid,
            nonce=tokens.b64u(shaking.channel.handshake_hash),
            ath=tokens.b64u(tokens.token_hash(shaking._ticket_text)),
        )
        value = getattr(right, self.claim)[::-1] if self.claim else ""
        wrong = msgspec.structs.replace(right, **({self.claim: value} if self.claim else {}))
        shaking.accept()
        shaking._outgoing.clear()
        shaking.channel._send.n -= 1
        shaking._second = tokens.sign(wrong, self.station_key)
        shaking._send(messages.Second(shaking._second))


@pytest.mark.parametrize("claim", ["", "iss", "sub", "aud", "sid", "nonce", "ath"])
def test_nothing_is_sent_to_a_station_whose_second_information_is_for_something_else(
    home, chats, claim
):
    with WrongClaim() as peer:
        peer.claim = claim
        if not claim:  # what this test stands on: unaltered, it is accepted
            assert back_up(peer, home, chats).items == 2
            return
        error = refused(back_up, peer, home, chats)
        assert explain(error).exit is Exit.VERIFICATION
        assert not peer.received
        assert not peer.asked


class Impatient(Peer):
    """Says something else where the second verification information is due."""

    instead = messages.Pong()

    def accept(self, shaking, ticket):
        shaking._send(self.instead)


TERMS = messages.Open("backup", limits.WINDOW_BYTES, 10**12, "Peer")


@pytest.mark.parametrize(
    "instead",
    [
        TERMS,
        messages.Second("not a token"),
        messages.Enrolled("iss", "sub", [bytes(32)], "Peer", b""),
        messages.BackupReady("0" * 26, b""),
        messages.ChunksLack(0, [0]),
        messages.Ack(1),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_station_that_skips_verification_gets_nothing(home, chats, instead):
    with Impatient() as peer:
        peer.instead = instead
        error = refused(back_up, peer, home, chats)
        assert explain(error).exit is Exit.VERIFICATION
        assert not peer.received
        assert not peer.asked


class OtherScope(Peer):
    """Opens for restoring what was asked for backing up."""

    def ticket(self, part, request):
        return msgspec.structs.replace(super().ticket(part, request), scope="restore")


def test_a_connection_opened_for_the_other_scope_gets_nothing(home, chats):
    with OtherScope() as peer:
        assert explain(refused(back_up, peer, home, chats)).exit is Exit.VERIFICATION
        assert not peer.asked


# Messages


class Saboteur(Peer):
    """Does something of its own as soon as a connection is open."""

    sabotage = staticmethod(lambda transfer: None)

    def opened(self, transfer):
        self.sabotage(transfer)


def send_plain(plaintext):
    return lambda transfer: transfer.websocket.send(transfer.channel.seal(plaintext))


SABOTAGES = {
    "text": lambda transfer: transfer.websocket.send("hello"),
    "garbage": lambda transfer: transfer.websocket.send(b"\x00\x20" + os.urandom(32)),
    "an empty message": lambda transfer: transfer.websocket.send(b""),
    "more than a message may have": lambda transfer: transfer.websocket.send(bytes(2**20 + 1)),
    "an unknown frame": send_plain(b"\x09\x00\x00\x00\x00"),
    "an unknown message": send_plain(b'\x00\x00\x00\x00\x0e{"type":"rob"}'),
    "data that nobody asked for": send_plain(b"\x01\x00\x00\x00\x05\x00\x00\x00\x00x"),
    "a phone's message": lambda transfer: transfer.say(messages.ChunksHave(0, b"")),
    "a second one": lambda transfer: transfer.say(messages.Second("x")),
    "open again": lambda transfer: transfer.say(TERMS),
    "an answer to nothing": lambda transfer: transfer.say(messages.ChunksLack(0, [])),
    "a follow-up that is none": lambda transfer: transfer.say(messages.FollowUp(b"x")),
}


@pytest.mark.parametrize("kind", SABOTAGES)
@pytest.mark.parametrize("way", ["backup", "restore", "list"])
def test_a_malformed_message_ends_the_transfer_by_name(tmp_path, home, chats, kind, way):
    with Saboteur() as peer:
        identity, link = ready(read_link(peer.link()), home)
        peer.sabotage = SABOTAGES[kind]
        match way:
            case "backup":
                refused(backup, link, [chats], identity, home, patience=0)
            case "restore":
                refused(restore, link, "0" * 26, Target(tmp_path / "out"), identity, patience=0)
            case "list":
                refused(snapshots, link, identity)
        assert not peer.received


@pytest.mark.parametrize("code", sorted(all_errors()))
def test_every_close_code_is_explained(home, chats, code):
    with Saboteur() as peer:
        identity, link = ready(read_link(peer.link()), home)
        peer.sabotage = lambda transfer: transfer.websocket.close(code)
        error = refused(backup, link, [chats], identity, home, patience=0)
        assert explain(error).message


class Flooder(Forger):
    """Sends the same chunk on and on, whatever was granted."""

    sent = 0

    def opened(self, transfer):
        chunk = os.urandom(limits.CHUNK_BYTES_MAX)
        self.respects_credit = False
        while self.sent < 400:
            transfer.data(self.sent, chunk)
            self.sent += 1


def test_a_flood_is_cut_off_at_what_was_granted(tmp_path, home):
    with Flooder() as peer:
        identity, link = ready(read_link(peer.link()), home)
        refused(restore, link, "0" * 26, Target(tmp_path / "out"), identity, patience=0)
        # A few windows: what is granted, and what the sockets between them hold.
        assert peer.sent * limits.CHUNK_BYTES_MAX < 6 * limits.WINDOW_BYTES_MAX
    assert tree(tmp_path / "out") == {}


def test_the_phone_keeps_no_more_in_flight_than_the_largest_window(home, tmp_path, monkeypatch):
    """A station that grants more than the protocol allows cannot fill the phone's memory."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "video.mp4").write_bytes(os.urandom(80 * limits.MIB))

    class Watched(Uploading):
        in_flight = 0

        def _pump(self):
            super()._pump()
            Watched.in_flight = max(Watched.in_flight, self._catalogue.sent - peer.acknowledged)

    monkeypatch.setattr("phone.backup.Uploading", Watched)
    with Peer() as peer:
        peer.hold_acknowledgements = 8 * limits.MIB
        real = StationHandshake.open
        monkeypatch.setattr(
            StationHandshake,
            "open",
            lambda side, terms: real(side, msgspec.structs.replace(terms, window=2**62)),
        )
        assert back_up(peer, home, folder).items == 1
    assert 0 < Watched.in_flight <= limits.WINDOW_BYTES_MAX


def ping_on_and_on(transfer):
    while True:
        transfer.say(messages.Ping())
        time.sleep(0.02)


def invite_on_and_on(transfer):
    while True:
        transfer.say(messages.FollowUp(transfer.peer.invite()))
        time.sleep(0.02)


@pytest.mark.parametrize("way", ["backup", "restore", "list"])
@pytest.mark.parametrize(
    ("sabotage", "constant"),
    [
        (ping_on_and_on, "phone.session.ANSWER_SECONDS"),
        (invite_on_and_on, "phone.session.ANSWER_SECONDS"),
        (lambda transfer: time.sleep(3), "wire.limits.IDLE_SECONDS"),
    ],
    ids=["signs of life", "invitations", "silence"],
)
def test_a_station_that_never_answers_is_given_up(
    tmp_path, home, chats, monkeypatch, way, sabotage, constant
):
    with Saboteur() as peer:
        identity, link = ready(read_link(peer.link()), home)
        peer.sabotage = sabotage
        monkeypatch.setattr(constant, 0.5)
        monkeypatch.setattr("wire.limits.PING_SECONDS", 0.3)
        match way:
            case "backup":
                error = refused(backup, link, [chats], identity, home, patience=0)
            case "restore":
                target = Target(tmp_path / "out")
                error = refused(restore, link, "0" * 26, target, identity, patience=0)
            case "list":
                error = refused(snapshots, link, identity)
        assert explain(error).code == "4408"
        assert explain(error).exit is Exit.UNREACHABLE


class Acknowledging(Peer):
    """Never says what it lacks, and acknowledges ``length`` bytes again and again."""

    length = 0

    def opened(self, transfer):
        self.transfer = transfer

    def lack(self, start, digests):
        while True:
            self.transfer.say(messages.Ack(self.length))
            time.sleep(0.02)


@pytest.mark.parametrize(("length", "code"), [(0, "4408"), (1, "4408"), (-1, "4400")])
def test_acknowledgements_of_nothing_are_no_answer(home, chats, monkeypatch, length, code):
    with Acknowledging() as peer:
        peer.length = length
        monkeypatch.setattr("phone.session.ANSWER_SECONDS", 0.5)
        assert explain(refused(back_up, peer, home, chats)).code == code


# Where it leads


class Misleader(Peer):
    """Gives a follow-up that leads somewhere else, and cuts the connection."""

    where = {}

    def follow_up(self):
        honest = Invitation.decode(self.invite())
        shared = {
            name: getattr(honest, name)
            for name in ("scope", "expires", "session_id", "invitation_key", "port", "addresses")
        }
        led = {"im_origin": "", "secret": honest.secret} | shared | self.where
        return Invitation.create(station_key=self.station_key, **led).encode()

    def lack(self, start, digests):
        raise Cut


def test_a_follow_up_does_not_send_the_phone_to_another_im_server(home, chats, monkeypatch):
    """It is enrolled at one issuer: no other one learns its key, whatever an invitation says."""
    asked = []
    exchange = im._exchange
    monkeypatch.setattr(
        im, "_exchange", lambda origin, *rest: asked.append(origin) or exchange(origin, *rest)
    )
    with Misleader() as peer:
        peer.where = {"im_origin": "https://127.0.0.1:9"}
        identity, link = ready(read_link(peer.link()), home)
        error = refused(backup, link, [chats], identity, home, patience=3)
        assert explain(error).exit is Exit.VERIFICATION
    assert set(asked) == {peer.origin}


# What people see


def control_characters(text):
    return [char for char in text if unicodedata.category(char) == "Cc" and char != "\n"]


ESCAPES = "\x1b[2J\x1b]0;owned\x07\u202e"


class Refuser(Peer):
    """Takes every chunk and no manifest."""

    def opened(self, transfer):
        self.transfer = transfer

    def receipt(self, header):
        self.transfer.say(messages.Failure(ManifestRefused.code, ESCAPES))
        raise Cut


def run_phone(tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "phone", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PHONE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )


def look_at_what_was_shown(done):
    assert control_characters(done.stdout + done.stderr) == []
    assert "owned" in done.stdout + done.stderr


@pytest.mark.parametrize("where", ["error", "name"])
def test_nothing_that_a_station_says_controls_the_terminal(tmp_path, chats, where):
    with Saboteur() as peer:
        if where == "error":
            peer.sabotage = lambda transfer: transfer.say(messages.Failure(4403, ESCAPES))
        else:
            peer.enrol = lambda shaking, websocket, issuer: shaking.enrolled(
                messages.Enrolled(peer.iss, peer.sub, [issuer], ESCAPES, peer.invite())
            )
        done = run_phone(tmp_path, "backup", peer.link(), chats, "--patience", "0")
        look_at_what_was_shown(done)


def test_why_the_station_was_tried_again_does_not_control_the_terminal(tmp_path, chats):
    with Refuser() as peer:
        done = run_phone(tmp_path, "backup", peer.link(), chats, "--patience", "5")
        assert "Trying again" in done.stderr
        look_at_what_was_shown(done)


def test_a_listing_does_not_control_the_terminal(tmp_path):
    with Peer() as peer:
        peer.snapshots[ESCAPES] = None
        look_at_what_was_shown(run_phone(tmp_path, "list", peer.link()))


# Listings


def test_a_listing_without_end_is_refused(home):
    with Saboteur() as peer:
        identity, link = ready(read_link(peer.link()), home)
        line = messages.SnapshotSummary("0" * 26, "s" * 200, "l" * 200, 1, 1, 1, 1)
        asked = []

        def lie(transfer):
            def answer():
                asked.append(1)
                transfer.say(messages.SnapshotsPage(len(asked) - 1, 2**62, [line] * 500))

            transfer.list_snapshots = answer

        peer.sabotage = lie
        refused(snapshots, link, identity)
        assert len(asked) < 10
