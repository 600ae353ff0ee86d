"""The index in SQLite: a contentless FTS5 table whose rowid is the message's id."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

from conversations.search.asking import Asked, ask
from conversations.search.entries import Document, Entry, document
from conversations.search.query import Phrase, Query
from conversations.search.scope import Scope

TABLE: Final = "conversations_search_1"  # its number is the version of the tokens
_ADD: Final = f"INSERT INTO {TABLE} (rowid, tokens) VALUES (%s, %s)"  # noqa: S608 - a constant
_REMOVE: Final = f"INSERT INTO {TABLE} ({TABLE}, rowid, tokens) VALUES ('delete', %s, %s)"  # noqa: S608
_FIND: Final = (
    f"SELECT rowid FROM {TABLE} WHERE {TABLE} MATCH %s AND rowid >= %s AND rowid < %s"  # noqa: S608
    " ORDER BY rowid DESC LIMIT %s"
)
_MERGED_PAGES: Final = 2000


def add(connection: BaseDatabaseWrapper, rows: Iterable[Entry]) -> None:
    """In the order of ids: FTS5 writes a segment whenever one is not greater than that before."""
    with connection.cursor() as cursor:
        cursor.executemany(_ADD, _documents(rows))


def remove(connection: BaseDatabaseWrapper, rows: Iterable[Entry]) -> None:
    """The table keeps no text, so the tokens are told again."""
    with connection.cursor() as cursor:
        cursor.executemany(_REMOVE, _documents(rows))


def clear(connection: BaseDatabaseWrapper) -> None:
    """Every message."""
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} ({TABLE}) VALUES ('delete-all')")  # noqa: S608


def tidy(connection: BaseDatabaseWrapper) -> None:
    """Merge segments, some pages at most."""
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} ({TABLE}, rank) VALUES ('merge', {_MERGED_PAGES})")  # noqa: S608


def find(connection: BaseDatabaseWrapper, query: Query, scope: Scope, limit: int) -> list[int]:
    """The newest ids that match."""
    if scope.senders == ():
        return []
    asked = expression(ask(query, scope))
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [asked, scope.first, scope.before, limit])
        return [row[0] for row in cursor.fetchall()]


def expression(asked: Asked) -> str:
    """As FTS5 reads it: strings and three operators, every string quoted."""
    parts = [_string(phrase) for phrase in asked.all_of]
    if asked.any_of:
        parts.append(f"({' OR '.join(map(_string, asked.any_of))})")
    wanted = " AND ".join(parts)
    if not asked.none_of:
        return wanted
    return f"({wanted}) NOT ({' OR '.join(map(_string, asked.none_of))})"


def _string(phrase: Phrase) -> str:
    quoted = " ".join(phrase.tokens).replace('"', '""')
    return f'"{quoted}"{" *" if phrase.is_prefix else ""}'


def _documents(rows: Iterable[Entry]) -> list[tuple[int, str]]:
    in_order = sorted(rows, key=attrgetter("id"))
    return [(entry.id, _text(document(entry))) for entry in in_order]


def _text(document: Document) -> str:
    return " ".join(document.words + document.terms)
