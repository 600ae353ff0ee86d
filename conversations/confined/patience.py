"""How long a child may take, by how much it has to do; wall time and processor time alike."""

from conversations import limits


def seconds_to_read(size: int) -> int:
    """For a source of so many bytes, as they are outside of any archive."""
    return limits.READER_SECONDS_FLOOR + limits.READER_SECONDS_PER_MIB * size // limits.MIB


def seconds_to_recognise(names: int, size: int) -> int:
    """For a tree of so many files, and bytes in all: heads are read, and archives' directories."""
    looked_at = names * limits.READER_MILLISECONDS_PER_NAME // 1000
    return limits.READER_SECONDS_FLOOR + looked_at + size // limits.READER_SKIMMED_BYTES_PER_SECOND
