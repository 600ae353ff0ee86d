"""The index in PostgreSQL: the same tokens as a ``tsvector`` with a GIN index.

A tsvector has places up to 16,383: in a longer message, what is beyond is found by its words and
pairs of characters, but not as a phrase.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

from conversations.search.asking import Asked, ask
from conversations.search.entries import Entry, document
from conversations.search.query import Phrase, Query
from conversations.search.scope import Scope

TABLE: Final = "conversations_search_1"  # its number is the version of the tokens
PLACE_MAX: Final = 16_383
_PLACES_MAX: Final = 255  # of one token
_ADD: Final = (
    f"INSERT INTO {TABLE} (id, tokens)"  # noqa: S608 - a constant
    " SELECT id, told::tsvector FROM unnest(%s::bigint[], %s::text[]) AS given (id, told)"
)
_REMOVE: Final = f"DELETE FROM {TABLE} WHERE id = ANY(%s)"  # noqa: S608
_FIND: Final = (
    f"SELECT id FROM {TABLE} WHERE tokens @@ %s::tsquery AND id >= %s AND id < %s"  # noqa: S608
    " ORDER BY id DESC LIMIT %s"
)


def add(connection: BaseDatabaseWrapper, rows: Iterable[Entry]) -> None:
    """In one statement for many."""
    added = list(rows)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [[entry.id for entry in added], list(map(vector, added))])


def remove(connection: BaseDatabaseWrapper, rows: Iterable[Entry]) -> None:
    """By their ids alone."""
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE, [[entry.id for entry in rows]])


def clear(connection: BaseDatabaseWrapper) -> None:
    """Every message."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TABLE}")  # noqa: S608 - a constant


def tidy(connection: BaseDatabaseWrapper) -> None:
    """Nothing: autovacuum does it."""


def find(connection: BaseDatabaseWrapper, query: Query, scope: Scope, limit: int) -> list[int]:
    """The newest ids that match."""
    if scope.senders == ():
        return []
    asked = expression(ask(query, scope))
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [asked, scope.first, scope.before, limit])
        return [row[0] for row in cursor.fetchall()]


def vector(entry: Entry) -> str:
    """As PostgreSQL reads it: quoted tokens with their places."""
    words, terms = document(entry)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, token in enumerate(words, start=1):
        if len(places[token]) < _PLACES_MAX:
            places[token].append(min(place, PLACE_MAX))
    told = [f"{_quoted(token)}:{','.join(map(str, at))}" for token, at in places.items()]
    return " ".join((*told, *map(_quoted, terms)))


def expression(asked: Asked) -> str:
    """As PostgreSQL reads it: quoted strings and four operators."""
    parts = [_string(phrase) for phrase in asked.all_of]
    if asked.any_of:
        parts.append(f"({' | '.join(map(_string, asked.any_of))})")
    parts += [f"!{_string(phrase)}" for phrase in asked.none_of]
    return " & ".join(parts)


def _string(phrase: Phrase) -> str:
    quoted = [_quoted(token) for token in phrase.tokens]
    if phrase.is_prefix:
        quoted[-1] += ":*"
    return f"({' <-> '.join(quoted)})"


def _quoted(token: str) -> str:
    escaped = token.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
