"""What is in the index, by content and not by number, as JSON; for ``manage.py shell -c``."""

import json
import re

from conversations.models import (
    Attachment,
    Conversation,
    ConversationSource,
    IndexedSnapshot,
    Message,
    Participant,
    SnapshotSource,
    SourceRow,
    WarningRow,
)
from conversations.search import Scope, find, parse
from transfer.models import Vault

MESSAGE = ("conversation__slug", "digest", "nth")


def rows(model, *fields):
    found = model.objects.order_by().values_list(*fields)
    return sorted(json.dumps([told(each) for each in row], ensure_ascii=False) for row in found)


def told(value):
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def found(typed):
    vault = Vault.objects.get().pk
    query = parse(typed)
    ids = find(query, Scope(vault), 10**6)
    return sorted(
        json.dumps([told(each) for each in row])
        for row in Message.objects.filter(pk__in=ids).values_list(
            "conversation__slug", "digest", "nth"
        )
    )


def of_any_export(*fields):
    """Rows with names of files but for their first folder: exports have the same files there.

    Which one was read first, and so has the bytes, depends on what was killed.
    """
    return sorted(re.sub(r'"\d/', '"', row) for row in rows(*fields))


print(
    json.dumps(
        {
            "snapshots": rows(
                IndexedSnapshot,
                "snapshot_id",
                "state",
                "sources",
                "sources_done",
                "failure",
                "tree_warnings",
            ),
            "sources": rows(
                SourceRow,
                "digest",
                "app",
                "state",
                "done",
                "seen",
                "messages",
                "system",
                "continuations",
                "warned",
                "files",
            ),
            "held": rows(SnapshotSource, "snapshot__snapshot_id", "source__digest"),
            "conversations": rows(
                Conversation,
                "slug",
                "app",
                "key",
                "title",
                "kind",
                "clock",
                "date_order",
                "is_date_order_sure",
                "messages",
                "media",
            ),
            "people": rows(Participant, "conversation__slug", "key", "name", "is_self", "number"),
            "counts": rows(
                ConversationSource,
                "conversation__slug",
                "source__digest",
                "messages",
                "system",
                "continuations",
                "warned",
                "media",
                "media_missing",
            ),
            "messages": rows(
                Message,
                *MESSAGE,
                "sender__key",
                "kind",
                "text",
                "has_media",
                "is_timed",
                "native_id",
                "reply_to",
                "more",
                "last_source__digest",  # which one was read first depends on what was killed
            ),
            "attachments": of_any_export(
                Attachment,
                *(f"message__{name}" for name in MESSAGE),
                "number",
                "kind",
                "name",
                "media_type",
                "size",
                "file",
                "start",
                "length",
                "encoding",
            ),
            "warnings": rows(
                WarningRow,
                "source__digest",
                "conversation__slug",
                "code",
                "file",
                "line",
                "detail",
                "records",
            ),
            "found": {
                typed: found(typed)
                for typed in ("lake", "吃饭", "家", '"boat rope"', "better", "🎉")
            },
        }
    )
)
