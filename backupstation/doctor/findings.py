"""What a check found, in words that are put into the reader's language when they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from transfer.templatetags import measures

Text = str | Promise


class State(IntEnum):
    """How it stands; the worst comes first."""

    BROKEN = 0
    LOOK = 1
    FINE = 2

    @property
    def word(self) -> str:
        """One word for machines and style sheets."""
        return self.name.lower()

    @property
    def label(self) -> Text:
        """For people."""
        return _LABELS[self]

    @property
    def icon(self) -> str:
        """Its symbol in icons.svg."""
        return _ICONS[self]


_LABELS: Final[dict[State, Text]] = {
    State.BROKEN: _("Broken"),
    State.LOOK: _("Look at this"),
    State.FINE: _("Fine"),
}

_ICONS: Final = {State.BROKEN: "cross", State.LOOK: "look", State.FINE: "check"}


class Size(int):
    """Bytes, written with their unit."""

    def __str__(self) -> str:
        """As the pages write it."""
        return measures.size(int(self))


@dataclass(frozen=True)
class Since:
    """How long ago something happened."""

    at: datetime

    def __str__(self) -> str:
        """As ``3 minutes``."""
        return timesince(self.at, depth=1)


@dataclass(frozen=True)
class Moment:
    """A date and time."""

    at: datetime

    def __str__(self) -> str:
        """By the station's time zone."""
        return date_format(localtime(self.at), "Y-m-d H:i")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``said`` and ``advice`` are templates for ``values``."""

    state: State
    name: str
    """Which check this is, for machines."""
    title: Text
    said: Text
    advice: Text = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What was found."""
        return str(self.said) % self.values if self.values else str(self.said)

    @property
    def remedy(self) -> str:
        """What to do; empty when there is nothing to do."""
        return str(self.advice) % self.values if self.values else str(self.advice)


@dataclass(frozen=True)
class Report:
    """All findings of one look, the worst first."""

    findings: list[Finding]

    @property
    def worst(self) -> State:
        """How the whole stands."""
        return min((one.state for one in self.findings), default=State.FINE)

    @property
    def verdict(self) -> Text:
        """The whole in one sentence."""
        return _VERDICTS[self.worst]


_VERDICTS: Final[dict[State, Text]] = {
    State.BROKEN: _("Something here keeps phones away."),
    State.LOOK: _("Nothing here is broken, but look at what is marked."),
    State.FINE: _("Nothing here keeps phones away."),
}
