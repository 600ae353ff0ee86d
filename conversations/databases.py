"""Which database holds what: everything derived, and the tasks that derive it, is in ``index``.

So indexing never blocks an invitation, and the file may be deleted and made again.
"""

from typing import Any, Final

from django.core.management import call_command
from django.db import connections
from django.db.models import Model

INDEX: Final = "index"
_APPS: Final = frozenset({"conversations", "django_tasks_database"})
_A_TABLE: Final = "conversations_indexedsnapshot"
_KEPT: Final = frozenset({"readingchoice"})


class IndexRouter:
    """Sends the models of ``conversations`` to the index database, but the owner's choices."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str | None:  # noqa: ANN401 - Django's
        """The index, or None for every other app."""
        return INDEX if _is_derived(model._meta.app_label, model._meta.model_name) else None

    def db_for_write(self, model: type[Model], **_hints: Any) -> str | None:  # noqa: ANN401 - Django's
        """The same."""
        return self.db_for_read(model)

    def allow_relation(self, one: Model, other: Model, **_hints: Any) -> bool | None:  # noqa: ANN401 - Django's
        """Only within one database."""
        return self.db_for_read(type(one)) == self.db_for_read(type(other))

    def allow_migrate(
        self,
        db: str,
        app_label: str,
        model_name: str | None = None,
        **_hints: Any,  # noqa: ANN401 - Django's
    ) -> bool | None:
        """Each table in its own database alone."""
        return (db == INDEX) == _is_derived(app_label, model_name)


def expect_much() -> None:
    """Let this thread write a lot to a SQLite index: a cache of 64 MiB, and fewer checkpoints."""
    connection = connections[INDEX]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size = -65536")
            cursor.execute("PRAGMA wal_autocheckpoint = 8000")


def is_made() -> bool:
    """Whether the index has tables: its file may be deleted, and is then one without any."""
    return _A_TABLE in connections[INDEX].introspection.table_names()


def make() -> None:
    """Bring the index up to date, or make it; for whoever is the only one to do so."""
    call_command("migrate", database=INDEX, interactive=False, verbosity=0)


def _is_derived(app_label: str, model_name: str | None) -> bool:
    return app_label in _APPS and model_name not in _KEPT
