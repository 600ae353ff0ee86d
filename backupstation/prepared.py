"""A database that a command can use, also on a data folder where nothing ran yet."""

from django.core.management import call_command
from django.db import connection
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
    """Whether the database lacks tables or columns of this version."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def migrate() -> None:
    """Bring the database up to date; for whoever holds the data folder."""
    call_command("migrate", interactive=False, verbosity=0)
