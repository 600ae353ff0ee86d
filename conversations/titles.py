"""Conversations whose title has what was searched for."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from conversations.models import Conversation
from conversations.search import Query
from conversations.snippets import Segment, has_all, matches, snippet

LOOKED_AT: Final = 2000
SHOWN: Final = 5


class Titled(NamedTuple):
    """A conversation by its title."""

    slug: str
    title: Sequence[Segment]


def titled(vault: str, query: Query) -> list[Titled]:
    """The latest of this vault that have all that is wanted; none when nothing is wanted."""
    if not query.wanted:
        return []
    latest = Conversation.objects.filter(vault=vault).order_by("-last")
    found = [
        (slug, title)
        for slug, title in latest.values_list("slug", "title")[:LOOKED_AT]
        if has_all(title, query.wanted)
    ]
    return [
        Titled(slug, snippet(title, matches(title, query.wanted))) for slug, title in found[:SHOWN]
    ]
