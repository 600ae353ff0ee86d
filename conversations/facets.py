"""Where hits are: in which conversations, by whom, in which years."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

CHOICES_MAX: Final = 10


class Row(NamedTuple):
    """What facets need of a hit. ``year`` is None where the time is not known."""

    id: int
    slug: str
    title: str
    sender: str | None
    year: int | None


class Choice(NamedTuple):
    """One value of a facet, and how many hits have it."""

    value: str
    label: str
    hits: int


class Facets(NamedTuple):
    """The most frequent conversations and senders, and the years with the latest first."""

    conversations: Sequence[Choice] = ()
    senders: Sequence[Choice] = ()
    years: Sequence[Choice] = ()


def facets_of(rows: Sequence[Row]) -> Facets:
    """Counted over these hits."""
    conversations = Counter((row.slug, row.title) for row in rows)
    senders = Counter(row.sender for row in rows if row.sender)
    years = Counter(row.year for row in rows if row.year is not None)
    return Facets(
        [
            Choice(slug, title, count)
            for (slug, title), count in conversations.most_common(CHOICES_MAX)
        ],
        [Choice(name, name, count) for name, count in senders.most_common(CHOICES_MAX)],
        [
            Choice(str(year), str(year), count)
            for year, count in sorted(years.items(), reverse=True)
        ],
    )
