"""What was lost or damaged in the store comes back with the next backup of the same bytes."""

import hashlib
import os
from ipaddress import ip_address

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from accounts.models import User
from backupstation import roles
from tests.stations import tree
from transfer import (
    chunks,
    committing,
    ingest,
    invitations,
    manifests,
    restore,
    vaults,
    workers,
)
from transfer.checking import NotedCheck
from transfer.chunks import Place
from transfer.models import Invitation, Lease, Pack, Snapshot, SnapshotPack, SnapshotState
from transfer.restore import Piece, Recovery
from transfer.store.itemcheck import Sample
from wire import manifest, messages
from wire.errors import Damaged, MalformedMessage, ManifestRefused, NotFound
from wire.invitation import Scope
from wire.manifest import ChunkRef, Item, ManifestHeader, PageRef

pytestmark = pytest.mark.django_db


class Backup:
    """One backup by the code that serves phones, step by step; the bytes are held for again."""

    def __init__(self, vault, invitation, contents, *, per_page=1, snapshot_id=None):
        self.key = Ed25519PrivateKey.generate()
        self.vault, self.invitation = vault, invitation
        self.snapshot_id = snapshot_id or manifest.snapshot_id_text(os.urandom(16))
        self.sent = {}
        self._next_ref = 0
        self.bodies = {hashlib.sha256(each).digest(): each for each in contents}
        items = [
            Item(f"{number:06}", len(each), 0, "text/plain", digest,
                 manifest.pack_refs([ChunkRef(digest, len(each))]))
            for number, each in enumerate(contents)
            for digest in [hashlib.sha256(each).digest()]
        ]  # fmt: skip
        refs = []
        for first in range(0, len(items), per_page):
            group = items[first : first + per_page]
            page = manifest.encode_page(group)
            digest = hashlib.sha256(page).digest()
            self.bodies[digest] = page
            refs.append(PageRef(digest, len(page), len(group)))
        self.pages = [ref.digest for ref in refs]
        size = sum(map(len, contents))
        self.header = manifest.encode_header(
            ManifestHeader(
                manifest.HEADER_FORMAT, vault.iss, vault.sub, self.snapshot_id, "Pixel", "", 1,
                len(items), size, len(items), refs, self.key.public_key().public_bytes_raw(),
            )
        )  # fmt: skip
        begin = messages.BackupBegin(self.snapshot_id, "Pixel", "", len(items), size)
        self._begin = begin
        self.connect()

    def connect(self):
        key = self.key.public_key().public_bytes_raw()
        self.ingest = ingest.begin(self.vault, self.invitation, key, self._begin, 2**40)

    def send(self):
        """Ask about everything, and send what is lacking; returns the digests that were."""
        digests = list(self.bodies)
        start, self._next_ref = self._next_ref, self._next_ref + len(digests)
        lack = self.ingest.lack(messages.ChunksHave(start, b"".join(digests)))
        lacking = [digests[ref - start] for ref in lack.refs]
        for ref in lack.refs:
            self.ingest.take(ref, self.bodies[digests[ref - start]])
        return lacking

    def commit(self):
        signature = manifest.sign_header(self.key, self.header)
        return self.ingest.commit(messages.BackupCommit(self.header, signature))

    def run(self):
        self.send()
        self.commit()
        return self.row

    @property
    def row(self):
        return Snapshot.objects.get(snapshot_id=self.snapshot_id)


@pytest.fixture
def owner():
    roles.prepare()
    return User.objects.create_user("alice" + os.urandom(4).hex())


@pytest.fixture
def back_up(owner):
    made = invitations.issue(owner, scope=Scope.BACKUP, addresses=[ip_address("127.0.0.1")], port=1)
    invitation = Invitation.objects.get(pk=made.session_id.hex())
    vault = vaults.link(owner, "im", os.urandom(8).hex())
    return lambda contents, **more: Backup(vault, invitation, contents, **more)


def path_of(pack):
    return settings.STATION_STORE_DIR / pack


def the_pack():
    return Pack.objects.get().name


def rot(pack):
    flip(pack, 100)


def truncate(pack):
    path_of(pack).chmod(0o600)
    os.truncate(path_of(pack), 90)


def remove(pack):
    path_of(pack).unlink()


def findings(row):
    return list(NotedCheck(Sample()).row(row))


def contents(count=3):
    return [os.urandom(500) for _ in range(count)]


@pytest.mark.parametrize("harm", [rot, truncate, remove])
def test_what_a_check_found_damaged_is_healed_by_the_next_backup(back_up, harm):
    same = contents()
    first = back_up(same).run()
    harm(the_pack())
    assert findings(first)
    again = back_up(same)
    assert set(again.send()) >= {hashlib.sha256(each).digest() for each in same}
    again.commit()
    assert findings(again.row) == []
    # The old snapshot's bytes are the same ones; with its pages sent again, too, it is whole.
    assert findings(first) == []
    first.refresh_from_db()
    assert first.damage == ""
    healed = Pack.objects.get(damaged_at=None)
    assert SnapshotPack.objects.filter(snapshot=first, pack=healed).exists()


@pytest.mark.parametrize("harm", [truncate, remove])
def test_a_commit_gives_no_receipt_for_packs_that_are_short_or_gone(back_up, harm):
    same = contents()
    back_up(same).run()
    harm(the_pack())
    again = back_up(same)
    again.send()
    with pytest.raises(ManifestRefused):
        again.commit()
    assert again.send()
    again.commit()
    assert findings(again.row) == []


def test_a_rotten_page_is_sent_again_and_blocks_no_backup(back_up):
    same = contents()
    first = back_up(same)
    first.run()
    rot_page(first)
    again = back_up(same)
    assert again.send() == []
    with pytest.raises(ManifestRefused):
        again.commit()
    assert set(again.pages) <= set(again.send())
    again.commit()
    assert findings(again.row) == []


def rot_page(backup):
    [(pack, entry)] = place_of(backup.vault, backup.pages[0]).values()
    flip(pack, entry.offset + 8)


def place_of(vault, digest):
    return chunks.places_of(vault, [vaults.keys_of(vault.pk).chunk_id(digest)])


def flip(pack, offset):
    path_of(pack).chmod(0o600)
    with path_of(pack).open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def test_sound_chunks_stay_where_they_are(back_up):
    same = contents()
    back_up(same).run()
    place = dict(Pack.objects.values_list("name", "damaged_at"))
    again = back_up([*same, b"more"])
    again.run()
    assert Pack.objects.filter(damaged_at=None).count() == 2
    old = [chunk.pack_id for chunk in again.vault.chunk_set.all()]
    assert set(place) < set(old)


def test_a_number_that_is_outstanding_cannot_be_announced_again(back_up):
    backup = back_up([b"one", b"two"])
    digests = list(backup.bodies)
    backup.ingest.lack(messages.ChunksHave(5, b"".join(digests[:2])))
    with pytest.raises(MalformedMessage):
        backup.ingest.lack(messages.ChunksHave(6, digests[2]))


def test_packs_of_an_upload_under_way_are_leased(back_up):
    backup = back_up(contents())
    backup.send()
    backup.ingest.cut()
    assert set(Lease.objects.values_list("pack_id", flat=True)) == {the_pack()}


# Commits that meet a row of the same snapshot


def forget_receipt(row):
    """What a rebuild makes of a crash between the header and the row."""
    path_of(f"receipts/{row.vault_id}/{row.snapshot_id}").unlink()
    lost = {"state": SnapshotState.UNRECEIPTED, "sequence": None, "receipt": ""}
    Snapshot.objects.filter(pk=row.pk).update(**lost)


def test_a_found_snapshot_is_committed_after_all(back_up):
    backup = back_up(contents())
    forget_receipt(backup.run())
    backup.connect()
    assert backup.send() == []
    receipt = backup.commit().receipt
    row = backup.row
    assert (row.state, row.receipt, row.sequence) == (SnapshotState.RECEIPTED, receipt, 1)
    assert findings(row) == []
    assert backup.commit().receipt == receipt


def test_a_found_snapshot_that_lost_bytes_is_not_committed(back_up):
    backup = back_up(contents())
    forget_receipt(backup.run())
    remove(the_pack())
    with pytest.raises(ManifestRefused):
        backup.commit()
    assert backup.row.state == SnapshotState.UNRECEIPTED


def test_a_pack_that_is_found_damaged_as_the_commit_ends_is_sent_again(back_up, monkeypatch):
    """A restore or the daily reading may find it after the commit has looked at everything."""
    same = contents()
    back_up(same).run()
    again = back_up(same)
    assert not set(again.send()) & {hashlib.sha256(each).digest() for each in same}
    put_header = committing.put_header

    def then_found(*args):
        put_header(*args)
        chunks.set_apart(Pack.objects.values_list("pk", flat=True))

    monkeypatch.setattr(committing, "put_header", then_found)
    with pytest.raises(ManifestRefused, match="send it again"):
        again.commit()
    assert not Snapshot.objects.filter(snapshot_id=again.snapshot_id).exists()
    monkeypatch.setattr(committing, "put_header", put_header)
    assert again.send()
    again.commit()
    assert findings(again.row) == []


def test_two_connections_that_commit_at_once_get_one_receipt(back_up, monkeypatch):
    backup = back_up(contents())
    backup.send()
    late, early = backup.ingest, None
    publish = committing.publish
    receipts = []

    def overtaken(*args):
        nonlocal early
        monkeypatch.setattr(committing, "publish", publish)
        backup.connect()
        early = backup.ingest
        receipts.append(backup.commit().receipt)
        return publish(*args)

    monkeypatch.setattr(committing, "publish", overtaken)
    signature = manifest.sign_header(backup.key, backup.header)
    receipts.append(late.commit(messages.BackupCommit(backup.header, signature)).receipt)
    assert early is not late
    assert len(set(receipts)) == 1
    assert receipts[0] == backup.row.receipt
    assert not Lease.objects.exists()


# Restoring


def test_the_phones_word_proves_nothing(back_up):
    backup = back_up(contents())
    row = backup.run()
    done = messages.RestoreDone(row.snapshot_id, row.items, 0)
    Recovery(backup.vault, None).done(backup.invitation.pk, done)
    assert backup.row.proven_at is None


@pytest.mark.django_db(transaction=True)
def test_what_a_restore_cannot_read_is_sent_again(back_up, monkeypatch):
    begun = []

    def soon(*work):
        begun.append(workers.soon_in_database(*work))

    monkeypatch.setattr(restore, "soon_in_database", soon)
    backup = back_up(contents())
    backup.run()
    [(pack, entry)] = place_of(backup.vault, next(iter(backup.bodies))).values()
    recovery = Recovery(backup.vault, None)
    flip(pack, entry.offset + 8)
    piece = Piece(0, Place(pack, entry), entry.raw_len)
    with pytest.raises(Damaged):
        recovery.read(piece)
    [work] = begun
    work.result(10)
    assert back_up(list(backup.bodies.values())[:1]).send()


def test_each_page_is_decoded_once_for_a_request_however_wants_jump(back_up, monkeypatch):
    backup = back_up(contents(20))
    row = backup.run()
    decoded = []
    page_bytes = manifests.page_bytes

    def counting(vault, page):
        decoded.append(page.digest)
        return page_bytes(vault, page)

    monkeypatch.setattr(manifests, "page_bytes", counting)
    order = [number % 20 for number in range(0, 20 * 7 * 3, 7)]
    wants = [messages.Want(number, 0, 1) for number in order]
    recovery = Recovery(backup.vault, None)
    pieces = [
        piece
        for batch in recovery.chunks(messages.ChunksGet(row.snapshot_id, 9, wants))
        for piece in batch
    ]
    assert len(decoded) == len(set(decoded)) == 20
    assert [piece.ref for piece in pieces] == list(range(9, 9 + len(order)))
    bodies = list(backup.bodies.values())
    assert [recovery.read(piece) for piece in pieces] == [bodies[number] for number in order]


def test_a_request_for_a_range_gives_just_that_range(back_up):
    backup = back_up(contents(2))
    row = backup.run()
    recovery = Recovery(backup.vault, None)
    for want in (messages.Want(0, 0, 2), messages.Want(0, 1, 1), messages.Want(2, 0, 1)):
        with pytest.raises(NotFound):
            list(recovery.chunks(messages.ChunksGet(row.snapshot_id, 0, [want])))


# A real phone and a real station


def test_a_phone_sends_again_what_the_station_lost(station, phone, chats):
    phone.enrol(station)
    (chats / "large").write_bytes(os.urandom(20_000_000))
    first = phone.run("backup", station.link(), chats)
    lost = list((station.folder / "store" / "packs").glob("*/*"))
    assert len(lost) > 1
    for pack in lost:
        pack.unlink()
    again = phone.run("backup", station.link(), chats)
    assert again["sent"] > 0
    for stored in (first, again):
        back = chats.parent / stored["snapshot_id"]
        phone.run("restore", station.link(), stored["snapshot_id"], "--to", back)
        assert sorted(tree(back).values()) == sorted(tree(chats).values())
