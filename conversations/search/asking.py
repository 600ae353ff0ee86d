"""A query within a scope, in terms that both engines have."""

from typing import NamedTuple

from conversations.search.entries import (
    MEDIA_TERM,
    character_term,
    conversation_term,
    kind_term,
    sender_term,
    vault_term,
)
from conversations.search.query import Phrase, Query
from conversations.search.scope import Scope
from conversations.tokens import is_dense


class Asked(NamedTuple):
    """All of ``all_of``, one of ``any_of`` unless that is empty, none of ``none_of``."""

    all_of: tuple[Phrase, ...]
    any_of: tuple[Phrase, ...]
    none_of: tuple[Phrase, ...]


def ask(query: Query, scope: Scope) -> Asked:
    """The vault is always among the terms, so that there is something to exclude from."""
    return Asked(
        all_of=(*_terms(scope), *map(_alone, query.wanted)),
        any_of=tuple(Phrase((sender_term(each),)) for each in scope.senders or ()),
        none_of=tuple(map(_alone, query.unwanted)),
    )


def _terms(scope: Scope) -> list[Phrase]:
    terms = [vault_term(scope.vault)]
    if scope.conversation is not None:
        terms.append(conversation_term(scope.conversation))
    if scope.has_media:
        terms.append(MEDIA_TERM)
    if scope.kind:
        terms.append(kind_term(scope.kind))
    return [Phrase((term,)) for term in terms]


def _alone(phrase: Phrase) -> Phrase:
    """One character alone has a term of its own: all pairs that begin with it would be many."""
    if phrase.is_prefix and len(phrase.tokens) == 1 and is_dense(phrase.tokens[0]):
        return Phrase((character_term(phrase.tokens[0]),))
    return phrase
