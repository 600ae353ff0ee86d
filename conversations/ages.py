"""How old the sources are that a source is merged with."""

from datetime import datetime

from conversations.models import SourceRow

Age = tuple[datetime, list[str], str]


class Ages:
    """Those of the sources in one vault, by number and by digest; each is looked up once."""

    def __init__(self, source: SourceRow) -> None:
        self._vault = source.vault
        self._numbered = {source.pk: source}
        self._named = {source.digest: source}

    def numbered(self, number: int) -> SourceRow:
        """The source with this number."""
        if number not in self._numbered:
            self._add(SourceRow.objects.get(pk=number))
        return self._numbered[number]

    def of(self, digest: str) -> Age:
        """The age of the source with this digest."""
        if digest not in self._named:
            self._add(SourceRow.objects.get(vault=self._vault, digest=digest))
        return self._named[digest].age

    def _add(self, source: SourceRow) -> None:
        self._numbered[source.pk] = self._named[source.digest] = source
