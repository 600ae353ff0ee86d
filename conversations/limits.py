"""Every bound on reading foreign files, once. Units are in the names."""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# One file to be recognised
HEAD_BYTES: Final = 4 * KIB

# One message
TEXT_CHARS_MAX: Final = 256 * KIB
NAME_CHARS_MAX: Final = 200
TITLE_CHARS_MAX: Final = 200
ATTACHMENTS_MAX: Final = 1000
LINE_BYTES_MAX: Final = 4 * MIB
RECORD_DEPTH_MAX: Final = 64

# Remarks on one source: what is beyond them is counted and not told
WARNINGS_TOLD_MAX: Final = 200
DETAIL_CHARS_MAX: Final = 200

# Archives
ARCHIVE_DEPTH_MAX: Final = 2
ARCHIVE_MEMBERS_MAX: Final = 200_000
EXPANSION_RATIO_MAX: Final = 200
EXPANSION_FREE_BYTES: Final = 64 * MIB

# The process that reads
READER_MEMORY_BYTES: Final = 256 * MIB
