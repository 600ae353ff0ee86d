"""A database that a command can use, also on a data folder where nothing ran yet."""

from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from backupstation import occupied


def database() -> None:
    """Bring the database up to date, unless it is; a station that runs on an older one keeps it.

    Raises CommandError then, as :func:`occupied.by_this_process` does.
    """
    if is_behind():
        with occupied.by_this_process():
            migrate()


def is_behind() -> bool:
    """Whether a database lacks tables or columns of this version."""
    return any(map(_is_behind, connections))


def _is_behind(alias: str) -> bool:
    executor = MigrationExecutor(connections[alias])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def migrate() -> None:
    """Bring both databases up to date; for whoever holds the data folder."""
    for alias in connections:
        call_command("migrate", database=alias, interactive=False, verbosity=0)
