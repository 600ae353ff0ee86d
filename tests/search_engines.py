"""The index database on either engine: ``engine`` runs a test on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.db.utils import ConnectionHandler, load_backend

from conversations.databases import INDEX
from tests import postgres


@pytest.fixture(scope="session")
def postgres_index(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """A connection to a server with the index's tables."""
    with postgres.server() as settings, django_db_blocker.unblock():
        configured = ConnectionHandler().configure_settings({"default": settings, INDEX: settings})
        backend = load_backend(settings["ENGINE"])
        connection = backend.DatabaseWrapper(configured[INDEX], INDEX)
        with _in_place(connection):
            call_command("migrate", database=INDEX, verbosity=0)
        yield connection
        connection.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, db: None) -> Iterator[str]:
    """Whatever uses the index in this test uses this engine; nothing of it stays."""
    if request.param == "sqlite":
        yield request.param
        return
    with _in_place(request.getfixturevalue("postgres_index")), transaction.atomic(using=INDEX):
        yield request.param
        transaction.set_rollback(True, using=INDEX)


@contextmanager
def _in_place(connection: Any) -> Iterator[None]:
    usual = connections[INDEX]
    connections[INDEX] = connection
    try:
        yield
    finally:
        connections[INDEX] = usual
