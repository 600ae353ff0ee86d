"""The readable view: its tables are in the ``index`` database, and all but choices are derived.

They refer to vaults and snapshots by id, without foreign keys: those are in the main database.
"""

from conversations.models.choices import ReadingChoice
from conversations.models.found import (
    Attachment,
    Conversation,
    ConversationSource,
    Message,
    Participant,
    Told,
)
from conversations.models.sources import (
    IndexedSnapshot,
    IndexState,
    SnapshotSource,
    SourceRow,
    WarningRow,
)

__all__ = [
    "Attachment",
    "Conversation",
    "ConversationSource",
    "IndexState",
    "IndexedSnapshot",
    "Message",
    "Participant",
    "ReadingChoice",
    "SnapshotSource",
    "SourceRow",
    "Told",
    "WarningRow",
]
