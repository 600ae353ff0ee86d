"""The work that is queued in the index database, and done by a worker process."""

import logging
from typing import Final

from django_tasks import task

from conversations import forgetting, indexing, reconciling
from conversations.models import SourceRow

log: Final = logging.getLogger(__name__)


@task()
def index(vault_id: str, snapshot_id: str) -> None:
    """Read what is new in this snapshot; a fault of the program is noted, and tried again later."""
    try:
        indexing.index(vault_id, snapshot_id)
    except Exception as error:
        log.exception("snapshot %s could not be read", snapshot_id[:8])
        indexing.note_failure(vault_id, snapshot_id, f"{type(error).__name__}: {error}")
        raise


@task()
def read_anew(slug: str) -> None:
    """Read again all that tells of this conversation, as its owner chose meanwhile."""
    sources = SourceRow.objects.filter(conversation_links__conversation__slug=slug)
    forgetting.read_anew(list(sources.values_list("pk", flat=True)))
    reconciling.reconcile()
