"""The work that is queued in the index database, and done by a worker process."""

from django_tasks import task

from conversations import indexing


@task()
def index(vault_id: str, snapshot_id: str) -> None:
    """Read what is new in this snapshot."""
    indexing.index(vault_id, snapshot_id)
