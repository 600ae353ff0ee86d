"""The search index: what it holds, and how each engine is asked.

One table of the index database holds the tokens of every message under its id, which orders by
time. Whoever writes messages keeps it up in the same transaction: :func:`add` after a message was
made, :func:`remove` before it is changed or deleted, as it was when it was added.

On SQLite the table is a contentless FTS5 table: it keeps no text, and forgets a message only when
it is told the same tokens again. On PostgreSQL it is a ``tsvector`` with a GIN index.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from conversations.databases import INDEX
from conversations.search import postgresql, sqlite
from conversations.search.entries import Entry, entries
from conversations.search.query import Phrase, Query, parse
from conversations.search.scope import Scope

__all__ = [
    "Entry",
    "Phrase",
    "Query",
    "Scope",
    "add",
    "clear",
    "entries",
    "find",
    "parse",
    "remove",
    "tidy",
]


class Engine(Protocol):
    """What a database can do; its modules are named after the vendors."""

    def add(self, connection: BaseDatabaseWrapper, rows: Iterable[Entry]) -> None: ...
    def remove(self, connection: BaseDatabaseWrapper, rows: Iterable[Entry]) -> None: ...
    def clear(self, connection: BaseDatabaseWrapper) -> None: ...
    def tidy(self, connection: BaseDatabaseWrapper) -> None: ...
    def find(
        self, connection: BaseDatabaseWrapper, query: Query, scope: Scope, limit: int
    ) -> list[int]: ...


_ENGINES: Final[dict[str, Engine]] = {"sqlite": sqlite, "postgresql": postgresql}


def add(alias: str, rows: Iterable[Entry]) -> None:
    """Make these messages findable; none of them may be in the index."""
    connection = connections[alias]
    _ENGINES[connection.vendor].add(connection, rows)


def remove(alias: str, rows: Iterable[Entry]) -> None:
    """Make these messages unfindable; each exactly as it was added."""
    connection = connections[alias]
    _ENGINES[connection.vendor].remove(connection, rows)


def clear(alias: str) -> None:
    """Forget every message of every vault."""
    connection = connections[alias]
    _ENGINES[connection.vendor].clear(connection)


def tidy(alias: str) -> None:
    """Do a bounded part of the merging that keeps searches fast; call it when a source is read."""
    connection = connections[alias]
    _ENGINES[connection.vendor].tidy(connection)


def find(query: Query, scope: Scope, limit: int) -> list[int]:
    """The ids of the newest messages that match, newest first."""
    connection = connections[INDEX]
    return _ENGINES[connection.vendor].find(connection, query, scope, limit)
