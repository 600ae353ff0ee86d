"""Receipts that an older database owes once more, and such as can never be written."""

import os
import time
from io import StringIO

import pytest
from django.core.management import call_command

from tests.test_never_lost import back_up, contents, findings, owner, path_of
from transfer import receipts, station
from transfer.models import Snapshot, SnapshotState, Upload
from wire import tokens
from wire.errors import Conflict, Damaged

__all__ = ["back_up", "owner"]
pytestmark = pytest.mark.django_db


def forget(*backups):
    """What putting an older copy of the database in place does to newer snapshots."""
    ids = [backup.snapshot_id for backup in backups]
    Snapshot.objects.filter(snapshot_id__in=ids).delete()
    Upload.objects.filter(snapshot_id__in=ids).delete()
    time.sleep(1.1)  # a receipt says the second


def again(backup):
    backup.connect()
    backup.send()
    return backup.commit().receipt


def claims(receipt):
    key = station.identity().public_key
    return tokens.verify(receipt, tokens.Receipt, [key])


def stored(back_up):
    backup = back_up(contents())
    backup.run()
    return backup


def follows(later, earlier):
    return later.previous == tokens.b64u(tokens.token_hash(earlier))


def test_a_receipt_that_an_older_database_forgot_is_given_again_and_the_chain_goes_on(back_up):
    first, second = stored(back_up), stored(back_up)
    kept = second.row.receipt
    forget(second)
    assert again(second) == kept
    row = second.row
    assert (row.state, row.sequence, row.receipt) == (SnapshotState.RECEIPTED, 2, kept)
    assert int(row.stored_at.timestamp()) == claims(kept).stored
    third = stored(back_up)
    assert claims(third.row.receipt).sequence == 3
    assert follows(claims(third.row.receipt), kept)
    assert follows(claims(kept), first.row.receipt)
    assert findings(row) == []


def test_a_later_one_keeps_its_number_and_leaves_room_for_those_before_it(back_up):
    stored(back_up)
    second, third = stored(back_up), stored(back_up)
    kept = [second.row.receipt, third.row.receipt]
    forget(second, third)
    assert again(third) == kept[1]
    assert again(second) == kept[0]
    assert [second.row.sequence, third.row.sequence] == [2, 3]
    fourth = claims(stored(back_up).row.receipt)
    assert fourth.sequence == 4
    assert follows(fourth, kept[1])


def test_both_are_kept_when_the_number_was_given_to_another_meanwhile(back_up):
    stored(back_up)
    second = stored(back_up)
    kept = second.row.receipt
    forget(second)
    other = stored(back_up)
    assert again(second) == kept
    assert again(second) == kept
    assert (second.row.sequence, other.row.sequence) == (None, 2)
    after = claims(stored(back_up).row.receipt)
    assert after.sequence == 3
    assert follows(after, other.row.receipt)


def spoil(backup):
    path = path_of(f"receipts/{backup.vault.pk}/{backup.snapshot_id}")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + os.urandom(1) + b"!")


def replace_by_one_for_another_manifest(backup):
    path_of(f"receipts/{backup.vault.pk}/{backup.snapshot_id}").unlink()
    row = backup.row
    row.manifest_hash = "00" * 32
    row.state, row.sequence, row.pk, row.receipt = SnapshotState.COMMITTED, 2, None, ""
    Snapshot.objects.filter(snapshot_id=backup.snapshot_id).delete()
    row.save()
    receipts.settle(row)


@pytest.mark.parametrize(
    ("harm", "refusal"), [(spoil, Damaged), (replace_by_one_for_another_manifest, Conflict)]
)
def test_one_that_can_never_be_written_holds_up_no_other_and_is_told(back_up, harm, refusal):
    first, second = stored(back_up), stored(back_up)
    harm(second)
    forget(second)
    with pytest.raises(refusal):
        again(second)
    assert second.row.state == SnapshotState.COMMITTED
    third = stored(back_up)
    assert third.row.state == SnapshotState.RECEIPTED
    assert follows(claims(third.row.receipt), first.row.receipt)
    Snapshot.objects.filter(pk=third.row.pk).update(state=SnapshotState.COMMITTED, receipt="")
    assert receipts.settle_all() == 1
    said = StringIO()
    call_command("store", "check", stdout=said)
    assert "Without a receipt yet: 1 snapshot" in said.getvalue()
