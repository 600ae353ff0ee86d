"""The items of a snapshot by name, and each as a file."""

import io
import os

import pytest
from django.conf import settings

from conversations.kept import SnapshotTree
from tests.kept_cast import CHUNK_BYTES, keep, vault_of
from transfer.models import SnapshotPack

pytestmark = pytest.mark.django_db
PHOTO = os.urandom(3 * CHUNK_BYTES + 17)


@pytest.fixture
def tree() -> SnapshotTree:
    files = {f"photos/{number:03}.jpg": str(number) for number in range(20)}
    return SnapshotTree(keep(vault_of(), files | {"photo.jpg": PHOTO, "empty.txt": b""}))


def test_every_item_is_found_by_its_name_and_no_other(tree: SnapshotTree) -> None:
    names = list(tree.names())
    assert len(names) == 22
    assert names == sorted(names)
    assert all(name in tree for name in names)
    for other in ("", "a", "photos", "photos/0031.jpg", "zzz", "photos/../photo.jpg"):
        assert other not in tree
        with pytest.raises(KeyError):
            tree.open(other)
    assert [tree.open(f"photos/{number:03}.jpg").read() for number in (0, 7, 19)] == [
        b"0",
        b"7",
        b"19",
    ]


def test_an_item_reads_like_a_file(tree: SnapshotTree) -> None:
    assert tree.size("photo.jpg") == len(PHOTO)
    file = tree.open("photo.jpg")
    assert file.read() == PHOTO
    assert file.read() == b""
    for start, length in ((0, 1), (CHUNK_BYTES - 1, 2), (2 * CHUNK_BYTES, CHUNK_BYTES + 17)):
        file.seek(start)
        assert file.read(length) == PHOTO[start : start + length]
    assert file.seek(-5, io.SEEK_END) == len(PHOTO) - 5
    assert file.read(100) == PHOTO[-5:]
    file.seek(len(PHOTO) + 5)
    assert file.read(1) == b""
    assert tree.open("empty.txt").read() == b""


def test_a_file_is_read_with_few_queries(tree: SnapshotTree, django_assert_max_num_queries) -> None:
    file = tree.open("photo.jpg")
    with django_assert_max_num_queries(1):
        file.read()


def test_a_damaged_chunk_is_an_error_of_the_file_that_names_it(tree: SnapshotTree) -> None:
    pack = SnapshotPack.objects.values_list("pack_id", flat=True).get()
    path = settings.STATION_STORE_DIR / pack
    raw = bytearray(path.read_bytes())
    raw[CHUNK_BYTES * 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)
    with pytest.raises(OSError, match=r"photo\.jpg: chunk"):
        tree.open("photo.jpg").read()
