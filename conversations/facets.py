"""Where hits are: in which conversations, by whom, in which years."""

from collections import Counter
from collections.abc import Sequence, Set
from typing import Final, NamedTuple

from django.utils.translation import gettext

CHOICES_MAX: Final = 10


class Row(NamedTuple):
    """What facets need of a hit. ``year`` is None where the time is not known."""

    id: int
    slug: str
    title: str
    sender: str | None
    is_own: bool
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
    own = {row.sender for row in rows if row.is_own}
    own -= {row.sender for row in rows if not row.is_own}
    years = Counter(row.year for row in rows if row.year is not None)
    return Facets(
        [
            Choice(slug, title, count)
            for (slug, title), count in conversations.most_common(CHOICES_MAX)
        ],
        [
            Choice(name, _called(name, own), count)
            for name, count in senders.most_common(CHOICES_MAX)
        ],
        [
            Choice(str(year), str(year), count)
            for year, count in sorted(years.items(), reverse=True)
        ],
    )


def _called(name: str, own: Set[str | None]) -> str:
    """What a sender is called, who is "You" in hits; who has several names is told them."""
    if name not in own:
        return name
    return gettext("You") if len(own) == 1 else gettext("You (%(name)s)") % {"name": name}
