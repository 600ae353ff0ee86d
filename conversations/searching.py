"""Searching a vault: a page of hits, how many there are, and where they are.

Each search makes the same few queries, whatever was typed: the newest hits up to a bound come from
the index by their ids, and everything that is said about them comes from their rows.
"""

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from django.db.models.functions import Left
from django.utils import timezone

from conversations import choices, numbering, search
from conversations.clocks import day_begins, shown
from conversations.events import Clock
from conversations.facets import Facets, Row, facets_of
from conversations.hits import Hit, hits_of
from conversations.models import Conversation, Message, Participant
from conversations.numbering import ID_MAX, ID_MIN
from conversations.search import Query, Scope
from conversations.snippets import weight

PAGE_HITS: Final = 50
BOUND_HITS: Final = 1000  # counted, told apart by facets, and ranked
FURTHER_HITS: Final = 4 * PAGE_HITS  # read for a further page: days may leave some of them out
SENDERS_MAX: Final = 500  # participants of one name
RANK_CHARS: Final = 500

_DAY: Final = dt.timedelta(days=1)


class Order(StrEnum):
    """Which hits come first: the newest of all, or the best of the newest."""

    NEWEST = "newest"
    BEST = "best"


class Filters(NamedTuple):
    """What to leave out. ``conversation`` is a slug, ``sender`` a name; days include both ends."""

    conversation: str = ""
    sender: str = ""
    since: dt.date | None = None
    until: dt.date | None = None
    has_media: bool = False


class Found(NamedTuple):
    """A page of hits. ``total`` counts up to the bound; ``following`` is the next page's cursor."""

    hits: Sequence[Hit] = ()
    total: int = 0
    is_bounded: bool = False
    facets: Facets = Facets()
    following: int | None = None


def look(
    vault: str,
    query: Query,
    filters: Filters = Filters(),  # noqa: B008 - it is frozen
    order: Order = Order.NEWEST,
    after: int | None = None,
) -> Found:
    """A page of what matches in this vault. An empty query means every message that passes.

    ``after`` is what the page before had as ``following``.
    """
    scope = scope_of(vault, filters)
    if scope is None:
        return Found()
    seen = page = _Seen(query, scope, filters, BOUND_HITS)
    if order is Order.BEST and query.wanted:
        start = after or 0
        ids = _ranked(query, seen.rows)[start:]
        following = start + PAGE_HITS if len(ids) > PAGE_HITS else None
    else:
        if after is not None:
            page = _Seen(query, scope._replace(before=after), filters, FURTHER_HITS)
        ids, following = [row.id for row in page.rows], page.following()
    return Found(
        hits=hits_of(query, ids[:PAGE_HITS], {row.id for row in page.rows if row.is_own}),
        total=len(seen.rows),
        is_bounded=seen.is_bounded,
        facets=facets_of(seen.rows),
        following=following,
    )


def scope_of(vault: str, filters: Filters) -> Scope | None:
    """The part of the index that passes; None when a filter names nothing of this vault.

    Its ids may be some hours too many at both ends: when a day begins depends on the conversation.
    """
    scope = Scope(
        vault, has_media=filters.has_media, first=_first(filters), before=_before(filters)
    )
    if filters.conversation:
        conversation = Conversation.objects.filter(vault=vault, slug=filters.conversation).first()
        if conversation is None:
            return None
        scope = scope._replace(conversation=conversation.pk)
    if filters.sender:
        people = Participant.objects.filter(conversation__vault=vault, name__iexact=filters.sender)
        if filters.conversation:
            people = people.filter(conversation=scope.conversation)
        senders = tuple(people.order_by("-pk").values_list("pk", flat=True)[:SENDERS_MAX])
        scope = scope._replace(senders=senders)
    return None if scope.senders == () else scope


class _Seen:
    """The newest hits of a scope, up to the bound, by their rows."""

    def __init__(self, query: Query, scope: Scope, filters: Filters, bound: int) -> None:
        found = search.find(query, scope, bound + 1)
        self.is_bounded = len(found) > bound
        self.ids = found[:bound]
        self.rows = _rows(scope.vault, self.ids, filters)

    def following(self) -> int | None:
        """The cursor behind the first page of these; None when nothing is behind it."""
        if len(self.rows) > PAGE_HITS:
            return self.rows[PAGE_HITS - 1].id
        return self.ids[-1] if self.is_bounded else None


def _rows(vault: str, ids: Sequence[int], filters: Filters) -> list[Row]:
    """Of this vault alone, whatever the index says.

    The vault is compared here: given it, SQLite would look into each of its conversations.
    """
    zone = timezone.get_current_timezone()
    found = Message.objects.filter(pk__in=ids).values_list(
        "id",
        "conversation__vault",
        "conversation__clock",
        "conversation__slug",
        "conversation__title",
        "sender__name",
        "sender__key",
        "sender__is_self",
        "is_timed",
    )
    own = choices.selves(vault)
    rows = []
    for pk, of_vault, clock, slug, title, sender, key, is_self, is_timed in found:
        time = shown(numbering.time_of(pk), clock, zone)
        if of_vault == vault and _is_within(time.date(), filters):
            is_own = key == own[slug] if slug in own else bool(is_self)
            rows.append(Row(pk, slug, title, sender, is_own, time.year if is_timed else None))
    return sorted(rows, reverse=True)


def _is_within(day: dt.date, filters: Filters) -> bool:
    if filters.since is not None and day < filters.since:
        return False
    return filters.until is None or day <= filters.until


def _first(filters: Filters) -> int:
    return ID_MIN if filters.since is None else min(_bounds(filters.since))


def _before(filters: Filters) -> int:
    if filters.until is None or filters.until == dt.date.max:
        return ID_MAX
    return max(_bounds(filters.until + _DAY))


def _bounds(day: dt.date) -> list[int]:
    """The ids at which the day begins, by every clock."""
    zone = timezone.get_current_timezone()
    begins = (numbering.first_id(day_begins(day, clock, zone)) for clock in Clock)
    return [max(ID_MIN, min(ID_MAX, begin)) for begin in begins]


def _ranked(query: Query, rows: Sequence[Row]) -> list[int]:
    """By weight, and among equals the newest first."""
    texts = Message.objects.filter(pk__in=[row.id for row in rows]).values_list(
        "id", Left("text", RANK_CHARS)
    )
    weights = {pk: weight(text, query.wanted) for pk, text in texts}
    return sorted(weights, key=lambda pk: (weights[pk], pk), reverse=True)
