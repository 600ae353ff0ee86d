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
ATTACHMENTS_MAX: Final = 1000  # in one list of a record, as its reader takes it
MESSAGE_ATTACHMENTS_MAX: Final = 200
REACTIONS_MAX: Final = 100
REACTORS_MAX: Final = 200  # who is named, over all reactions of a message
EMOJI_CHARS_MAX: Final = 100
EARLIER_MAX: Final = 100  # texts before edits, which have TEXT_CHARS_MAX together
KEY_CHARS_MAX: Final = 500  # of conversations, people and messages
TYPE_CHARS_MAX: Final = 100
TIME_MS_MAX: Final = 2**43 - 2  # the year 2248; as far before 1970, 1691
LINE_BYTES_MAX: Final = 4 * MIB
RECORD_DEPTH_MAX: Final = 64
RECORD_CHARS_MAX: Final = 4 * MIB
JSON_BYTES_AT_ONCE: Final = 256 * KIB

# Remarks of one code, and warnings on one source: what is beyond them is counted and not told, but
# the first of each code, of which there may be as many again
WARNINGS_TOLD_MAX: Final = 200
TREE_WARNINGS_MAX: Final = 10_000
DETAIL_CHARS_MAX: Final = 200
CODE_CHARS_MAX: Final = 40

# Archives
ARCHIVE_DEPTH_MAX: Final = 2
ARCHIVE_MEMBERS_MAX: Final = 200_000
ARCHIVE_NAMES_CHARS_MAX: Final = 32 * MIB
PATH_CHARS_MAX: Final = 1000
PLACE_CHARS_MAX: Final = 4 * PATH_CHARS_MAX  # of an item, and of what is in archives there
EXPANSION_RATIO_MAX: Final = 200
EXPANSION_FREE_BYTES: Final = 64 * MIB

# Files that are no chat: what is beyond them is counted and not told
UNRECOGNISED_TOLD_MAX: Final = 100

# Thumbnails
PICTURE_PIXELS_MAX: Final = 32_000_000

# The process that reads
READER_MEMORY_BYTES: Final = 256 * MIB
READER_FILES_MAX: Final = 16
READER_SECONDS_FLOOR: Final = 30
READER_SECONDS_PER_MIB: Final = 2
READER_MILLISECONDS_PER_NAME: Final = 5
READER_SKIMMED_BYTES_PER_SECOND: Final = 20 * MIB
READER_DEATHS_MAX: Final = 5
READER_KILLS_MAX: Final = 5
EVENTS_FLOOR: Final = 10_000
EVENTS_PER_BYTE: Final = 4
FRAME_BYTES_MAX: Final = 16 * MIB
RANGE_BYTES_MAX: Final = MIB
NAMES_PER_PAGE: Final = 4_000
BATCH_EVENTS_MAX: Final = 2_000
BATCH_CHARS_MAX: Final = 512 * KIB
