"""Addresses of the same search, narrower, wider or further on."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from django.http import QueryDict

from conversations.facets import Choice, Facets

_CURSOR: Final = "after"


class FacetLink(NamedTuple):
    """One value of a facet: choosing it, or no more when it is chosen."""

    value: str
    label: str
    hits: int
    address: str
    is_chosen: bool


class Addresses:
    """Made from the address of the page that is shown."""

    def __init__(self, shown: QueryDict) -> None:
        self._shown = {name: str(value) for name, value in shown.items() if value}
        self._is_further = self._shown.pop(_CURSOR, "") != ""

    def facets(self, facets: Facets) -> dict[str, list[FacetLink]]:
        """The values of each facet as links."""
        return {
            "conversations": [self._link(each, chat=each.value) for each in facets.conversations],
            "senders": [self._link(each, sender=each.value) for each in facets.senders],
            "years": [self._link(each, **_year(each.value)) for each in facets.years],
        }

    def following(self, cursor: int | None) -> str:
        """The next page; "" when this is the last one."""
        return "" if cursor is None else self._with({_CURSOR: str(cursor)})

    def first_page(self) -> str:
        """The first page; "" when this is it."""
        return self._with({}) if self._is_further else ""

    def _link(self, choice: Choice, **filters: str) -> FacetLink:
        is_chosen = all(self._shown.get(name) == value for name, value in filters.items())
        changes = dict.fromkeys(filters, "") if is_chosen else filters
        return FacetLink(choice.value, choice.label, choice.hits, self._with(changes), is_chosen)

    def _with(self, changes: Mapping[str, str]) -> str:
        query = QueryDict(mutable=True)
        query.update({name: value for name, value in {**self._shown, **changes}.items() if value})
        return f"?{query.urlencode()}"


def _year(year: str) -> dict[str, str]:
    return {"since": f"{year:0>4}-01-01", "until": f"{year:0>4}-12-31"}
