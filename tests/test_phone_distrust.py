"""A station or IM server that lies in one place: the phone names it and keeps to itself."""

import os
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phone.backup import backup
from phone.checking import Nowhere
from phone.enrolling import enrol, ready
from phone.errors import CutOff, Exit, NothingToDo, Untrusted, explain
from phone.link import Link, read_link
from phone.listing import snapshots
from phone.restore import restore, verify
from phone.state import Home
from phone.writing import Target
from tests.phone_peer import Cut, Peer
from wire import im, limits, manifest, messages, tokens
from wire.errors import Damaged, WireError
from wire.invitation import Invitation, Scope


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def chats(tmp_path) -> Path:
    folder = tmp_path / "chats"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"hello\n" * 20_000)
    (folder / "b.jpg").write_bytes(os.urandom(2_000_000))
    (folder / "empty").write_bytes(b"")
    return folder


def run_backup(peer: Peer, home: Home, chats: Path, **options):
    identity, link = ready(read_link(peer.link()), home)
    return backup(link, [chats], identity, home, patience=0, **options)


def identity_at(peer: Peer, home: Home):
    return ready(read_link(peer.link()), home)[0]


def refused(action, *args, **kwargs) -> Exception:
    with pytest.raises(Exception) as failure:  # noqa: PT011 - each caller looks at it
        action(*args, **kwargs)
    return failure.value


def exit_of(error: Exception) -> Exit:
    return explain(error).exit


def test_an_honest_peer_gets_a_backup_and_gives_it_back(tmp_path, home, chats):
    with Peer() as peer:
        stored = run_backup(peer, home, chats, label="Sunday")
        assert (stored.items, stored.problems) == (3, [])
        assert stored.bytes == 120_000 + 2_000_000
        identity = identity_at(peer, home)
        target = Target(tmp_path / "out")
        done = restore(read_link(peer.link()), stored.snapshot_id[:8].lower(), target, identity)
        assert (done.items, done.failures, done.own, done.label) == (3, [], True, "Sunday")
        assert peer.done == messages.RestoreDone(stored.snapshot_id, 3, 0)
    for name in ("a.txt", "b.jpg", "empty"):
        assert (tmp_path / "out/chats" / name).read_bytes() == (chats / name).read_bytes()


class OtherKey(Peer):
    """The IM server names another station's key."""

    def indication(self, part):
        other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        return msgspec.structs.replace(super().indication(part), station_key=tokens.b64u(other))


class OtherAddress(Peer):
    def indication(self, part):
        return msgspec.structs.replace(super().indication(part), addresses=["127.0.0.2"])


class OtherPort(Peer):
    def indication(self, part):
        return msgspec.structs.replace(super().indication(part), port=part.port ^ 1)


class OtherSession(Peer):
    def indication(self, part):
        return msgspec.structs.replace(super().indication(part), sid=tokens.b64u(b"x" * 16))


class OtherIssuer(Peer):
    """An IM server whose key is not the one that the phone pinned."""

    def answer_http(self, path, body):
        honest, self.issuer_key = self.issuer_key, Ed25519PrivateKey.generate()
        try:
            return super().answer_http(path, body)
        finally:
            self.issuer_key = honest


@pytest.mark.parametrize("kind", [OtherKey, OtherAddress, OtherPort, OtherSession, OtherIssuer])
def test_an_indication_that_disagrees_with_the_qr_code_ends_before_connecting(home, chats, kind):
    with kind() as peer:
        identity, link = enrol(read_link(peer.link()), home)
        before = peer.connections
        error = refused(backup, link, [chats], identity, home, patience=0)
        assert exit_of(error) is Exit.VERIFICATION
        assert peer.connections == before
        assert not peer.received


def test_an_invitation_that_the_station_did_not_sign_is_refused(home, chats):
    with Peer() as peer:
        identity, link = enrol(read_link(peer.link()), home)
        forged = replace(link.invitation, expires=link.invitation.expires + 1)
        before = peer.connections
        error = refused(backup, Link(link.origin, forged), [chats], identity, home, patience=0)
        assert exit_of(error) is Exit.VERIFICATION
        assert peer.connections == before
        assert not peer.received


class WrongSecond(Peer):
    """The second verification information is generated from another account id."""

    def accept(self, shaking, ticket):
        shaking._ticket = msgspec.structs.replace(ticket, sub="somebody-else")
        shaking.accept()


def test_second_information_for_another_account_is_refused_and_nothing_is_sent(home, chats):
    with WrongSecond() as peer:
        error = refused(run_backup, peer, home, chats)
        assert exit_of(error) is Exit.VERIFICATION
        assert not peer.asked
        assert not peer.received


class ElsewhereEnrolled(Peer):
    """Enrols the phone at an issuer that is not this station."""

    def enrol(self, shaking, websocket, issuer):
        shaking.pending(600)
        shaking.enrolled(
            messages.Enrolled("https://evil.example", "me", [issuer], "Peer", self.invite())
        )


def test_enrolment_at_another_issuer_is_refused_and_not_remembered(home, chats):
    with ElsewhereEnrolled() as peer:
        error = refused(run_backup, peer, home, chats)
        assert isinstance(error, Untrusted)
        assert home.enrolments() == []


class Elsewhere(Peer):
    def receipt(self, header):
        self.station_key, key = Ed25519PrivateKey.generate(), self.station_key
        try:
            return super().receipt(header)
        finally:
            self.station_key = key


class OtherManifest(Peer):
    def receipt(self, header):
        told = manifest.decode_header(header)
        other = msgspec.structs.replace(told, label="not what was sent")
        return super().receipt(manifest.encode_header(other))


class NoReceipt(Peer):
    def receipt(self, header):
        return "x.y.z"


@pytest.mark.parametrize("kind", [Elsewhere, OtherManifest, NoReceipt])
def test_a_receipt_that_does_not_confirm_this_manifest_is_no_receipt(home, chats, kind):
    with kind() as peer:
        error = refused(run_backup, peer, home, chats)
        assert exit_of(error) is Exit.VERIFICATION


class UnaskedAnswers(Peer):
    def lack(self, start, digests):
        return messages.ChunksLack(start, [start + len(digests) + 7])


def test_an_answer_to_no_question_ends_the_backup(home, chats):
    with UnaskedAnswers() as peer:
        assert exit_of(refused(run_backup, peer, home, chats)) is Exit.FAILED
        assert not peer.received


class DamagedChunk(Peer):
    """One chunk of the photo comes back different, or is reported damaged."""

    broken = b""
    report = False

    def give(self, digest):
        data = super().give(digest)
        if digest == self.broken:
            if self.report:
                raise Damaged("pack 7 is damaged")
            return bytes([data[0] ^ 1]) + data[1:]
        return data


@pytest.mark.parametrize("report", [False, True])
def test_a_damaged_chunk_costs_its_item_alone(tmp_path, home, chats, report):
    with DamagedChunk() as peer:
        stored = run_backup(peer, home, chats)
        peer.report = report
        peer.broken = next(
            digest for digest, data in peer.chunks.items() if len(data) == limits.CHUNK_BYTES_MAX
        )
        identity = identity_at(peer, home)
        target = Target(tmp_path / "out")
        done = restore(read_link(peer.link()), stored.snapshot_id, target, identity)
        assert [(one.name, one.reason) for one in done.failures] == [("chats/b.jpg", "damaged")]
        assert done.items == 2
        assert verify(read_link(peer.link()), stored.snapshot_id, identity).items == 2
    assert sorted(path.name for path in (tmp_path / "out/chats").iterdir()) == ["a.txt", "empty"]


@pytest.mark.parametrize(
    ("report", "code", "exit_code"), [(True, "4510", 1), (False, "untrusted", 3)]
)
def test_damage_that_the_station_owns_up_to_is_no_attack(home, chats, report, code, exit_code):
    with DamagedChunk() as peer:
        stored = run_backup(peer, home, chats)
        header = manifest.decode_header(peer.snapshots[stored.snapshot_id].header)
        peer.report, peer.broken = report, header.pages[0].digest
        identity = identity_at(peer, home)
        error = refused(verify, read_link(peer.link()), stored.snapshot_id, identity)
        told = explain(error)
        assert (told.code, told.exit) == (code, exit_code)


class ForgedManifest(Peer):
    """A manifest that the station made up itself, with a path that leads outside."""

    def manifest(self, message):
        honest = self.snapshots[message.snapshot_id]
        told = manifest.decode_header(honest.header)
        forged = manifest.encode_header(msgspec.structs.replace(told, label="forged"))
        return msgspec.structs.replace(honest, header=forged, receipt=self.receipt(forged))


class OtherAccount(Peer):
    """Another account's snapshot, properly signed by that account's phone."""

    def manifest(self, message):
        honest = self.snapshots[message.snapshot_id]
        key = Ed25519PrivateKey.generate()
        told = msgspec.structs.replace(
            manifest.decode_header(honest.header),
            sub="somebody-else",
            phone_key=key.public_key().public_bytes_raw(),
        )
        header = manifest.encode_header(told)
        signature = manifest.sign_header(key, header)
        return messages.SnapshotManifest(header, signature, self.receipt(header), honest.pages)


class LeftOutPages(Peer):
    def manifest(self, message):
        return msgspec.structs.replace(self.snapshots[message.snapshot_id], pages=[])


class InventedPages(Peer):
    def manifest(self, message):
        return msgspec.structs.replace(self.snapshots[message.snapshot_id], pages=[0, 1])


class OldReceipt(Peer):
    def manifest(self, message):
        honest = self.snapshots[message.snapshot_id]
        told = manifest.decode_header(honest.header)
        other = msgspec.structs.replace(told, label="another")
        return msgspec.structs.replace(honest, receipt=self.receipt(manifest.encode_header(other)))


@pytest.mark.parametrize(
    "kind", [ForgedManifest, OtherAccount, LeftOutPages, InventedPages, OldReceipt]
)
def test_a_manifest_that_is_not_whole_signed_receipted_and_ours_restores_nothing(
    tmp_path, home, chats, kind
):
    with kind() as peer:
        stored = run_backup(peer, home, chats)
        target = Target(tmp_path / "out")
        identity = identity_at(peer, home)
        error = refused(restore, read_link(peer.link()), stored.snapshot_id, target, identity)
        assert isinstance(error, Untrusted | WireError)
    assert list((tmp_path / "out").iterdir()) == []


class OtherPage(Peer):
    """A page that lists the same number of well-formed items under other names."""

    def give(self, digest):
        return super().give(digest).replace(b"chats/", b"other/")


def test_a_page_that_the_phone_did_not_sign_is_refused(tmp_path, home, chats):
    with OtherPage() as peer:
        stored = run_backup(peer, home, chats)
        target = Target(tmp_path / "out")
        error = refused(
            restore, read_link(peer.link()), stored.snapshot_id, target, identity_at(peer, home)
        )
        assert isinstance(error, Untrusted)
    assert list((tmp_path / "out").iterdir()) == []


class OtherSnapshot(Peer):
    def manifest(self, message):
        return next(
            answer for name, answer in self.snapshots.items() if name != message.snapshot_id
        )


def test_another_snapshot_than_was_asked_for_is_refused(home, chats):
    with OtherSnapshot() as peer:
        first, _ = run_backup(peer, home, chats), run_backup(peer, home, chats)
        identity = identity_at(peer, home)
        error = refused(restore, read_link(peer.link()), first.snapshot_id, Nowhere(), identity)
        assert isinstance(error, Untrusted)


def test_a_link_for_the_other_scope_is_refused_without_contact(home, chats):
    with Peer() as peer:
        identity = identity_at(peer, home)
        before = peer.connections
        error = refused(
            backup, read_link(peer.link(Scope.RESTORE)), [chats], identity, home, patience=0
        )
        assert explain(error).code == "not_permitted"
        assert peer.connections == before


def test_a_phone_that_a_rebuilt_station_does_not_know_is_told_how_to_enrol():
    told = explain(im.Refused(im.Refusal.PHONE_UNKNOWN))
    assert told.exit == 3
    assert "python -m phone enrol LINK" in told.hint


class Refusing(Peer):
    refusal = im.Refusal.PHONE_REVOKED

    def answer_http(self, path, body):
        refused = im.Refused(self.refusal)
        return self.refusal.status, im.encode(refused.reply())


def test_the_im_servers_refusal_is_told_in_its_words(home, chats):
    with Refusing() as peer:
        error = refused(run_backup, peer, home, chats)
        told = explain(error)
        assert told.code == "phone_revoked"
        assert "revoked" in told.message
        assert told.exit is Exit.VERIFICATION


@pytest.mark.parametrize(
    "answer", [(200, b"{}"), (200, b"x" * 100_000), (500, b"\xff"), (302, b"")]
)
def test_an_im_server_that_talks_rubbish_is_named(home, chats, answer):
    class Rubbish(Peer):
        def answer_http(self, path, body):
            return answer

    with Rubbish() as peer:
        told = explain(refused(run_backup, peer, home, chats))
        assert told.exit in (Exit.VERIFICATION, Exit.FAILED)
        assert told.code != "unexpected"


def test_nothing_chosen_is_said(home, chats):
    with Peer() as peer:
        stored = run_backup(peer, home, chats)
        error = refused(
            restore,
            read_link(peer.link()),
            stored.snapshot_id,
            Nowhere(),
            identity_at(peer, home),
            selection=messages.Selection(["no such"], []),
        )
        assert isinstance(error, NothingToDo)


def test_the_listing_is_the_accounts(home, chats):
    with Peer() as peer:
        stored = [run_backup(peer, home, chats).snapshot_id for _ in range(2)]
        found = snapshots(read_link(peer.link()), identity_at(peer, home))
        assert [one.snapshot_id for one in found.snapshots] == stored


class CutsAlways(Peer):
    def take(self, digest, data):
        raise Cut


def test_a_cut_without_patience_is_an_error_that_says_what_to_do(home, chats):
    with CutsAlways() as peer:
        told = explain(refused(run_backup, peer, home, chats))
        assert told.code == CutOff.code
        assert told.exit is Exit.UNREACHABLE
        assert "fresh link" in told.hint


def test_a_station_outside_the_local_network_is_never_contacted(home, chats):
    with Peer() as peer:
        identity, link = enrol(read_link(peer.link()), home)
        key = peer.invitations[link.invitation.session_id][1]
        elsewhere = Invitation.create(
            station_key=peer.station_key,
            scope=Scope.BACKUP,
            expires=link.invitation.expires,
            session_id=b"p" * 16,
            invitation_key=key.public_key().public_bytes_raw(),
            port=9,
            addresses=[IPv4Address("93.184.216.34")],
            im_origin="",
            secret=b"s" * 16,
        )
        error = refused(backup, Link(link.origin, elsewhere), [chats], identity, home, patience=0)
        assert "not on a local network" in explain(error).message
