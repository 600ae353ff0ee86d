"""The conversations of a vault for people to choose from, the latest first."""

import datetime as dt
from collections.abc import Sequence
from typing import Final, NamedTuple

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Left
from django.utils import timezone
from django.utils.functional import Promise

from conversations import numbering
from conversations.bubbles import HUES, speaker_of
from conversations.clocks import shown
from conversations.models import (
    Conversation,
    IndexedSnapshot,
    IndexState,
    Message,
    ReadingChoice,
)
from conversations.readers import BY_APP
from conversations.wording import KINDS

PER_PAGE: Final = 50
PROGRESS_MAX: Final = 5
_LAST_CHARS: Final = 140
_FULL: Final = 100


class Row(NamedTuple):
    """One conversation; times without zone, None while nothing in it has a time."""

    conversation: Conversation
    app: str
    first: dt.datetime | None
    last: dt.datetime | None
    said_by: str
    is_own: bool
    said: str
    kind_word: Promise | str

    @property
    def hue(self) -> int:
        """A colour that stays with the conversation, whatever is read anew."""
        return int(self.conversation.slug[-1], 36) % HUES if self.conversation.slug else 0


class AppChoice(NamedTuple):
    """An app that conversations are from, and how many."""

    app: str
    title: str
    conversations: int


class Progress(NamedTuple):
    """The reading of one snapshot. ``percent`` is that of its sources."""

    snapshot_id: str
    state: str
    percent: int
    messages: int
    failure: str


class Listing(NamedTuple):
    """A page of conversations; ``following`` goes on from it, "" at the end."""

    rows: Sequence[Row]
    following: str


def title_of(app: str) -> str:
    """The name of an app's format for people."""
    reader = BY_APP.get(app)
    return reader.title if reader else app


def page(vault_id: str, app: str = "", title: str = "", after: str = "") -> Listing:
    """Those of ``app`` whose title has ``title``, from the place ``after`` on; three queries."""
    rows = Conversation.objects.filter(vault=vault_id)
    if app:
        rows = rows.filter(app=app)
    if title:
        rows = rows.filter(title__icontains=title)
    found = list(_from(rows, after)[: PER_PAGE + 1])
    shown_rows = found[:PER_PAGE]
    is_end = len(found) <= PER_PAGE
    return Listing(_rows(shown_rows), "" if is_end else _place(shown_rows[-1]))


def apps(vault_id: str) -> list[AppChoice]:
    """The apps of this vault's conversations, the most frequent first."""
    of_apps = Conversation.objects.filter(vault=vault_id).values_list("app")
    counted = of_apps.annotate(conversations=Count("pk")).order_by("-conversations", "app")
    return [AppChoice(app, title_of(app), count) for app, count in counted]


def progress(vault_id: str) -> list[Progress]:
    """Snapshots that are being read, wait for it, or could not be read; the latest first."""
    unread = IndexedSnapshot.objects.filter(vault=vault_id).exclude(state=IndexState.DONE)
    return [progress_of(one) for one in unread.order_by("-updated_at")[:PROGRESS_MAX]]


def is_still_reading(vault_id: str) -> bool:
    """Whether there may be more in a while, of any conversation."""
    if settings.STATION_INDEXING == "off":
        return False
    unread = (IndexState.WAITING, IndexState.READING)
    return IndexedSnapshot.objects.filter(vault=vault_id, state__in=unread).exists()


def progress_of(row: IndexedSnapshot) -> Progress:
    """How far the reading of one snapshot has come."""
    percent = _FULL * row.sources_done // row.sources if row.sources else 0
    return Progress(row.snapshot_id, row.state, percent, row.messages, row.failure)


def _from(rows: QuerySet[Conversation], after: str) -> QuerySet[Conversation]:
    rows = rows.order_by(F("last").desc(nulls_last=True), "-pk")
    at, _, number = after.partition("~")
    last, pk = numbering.cursor(at), numbering.cursor(number)
    if pk is None or (at and last is None):
        return rows
    if last is None:
        return rows.filter(last=None, pk__lt=pk)
    return rows.filter(Q(last__lt=last) | Q(last=last, pk__lt=pk) | Q(last=None))


def _place(row: Conversation) -> str:
    return f"{'' if row.last is None else row.last}~{row.pk}"


def _rows(found: Sequence[Conversation]) -> list[Row]:
    ids = [one.last for one in found if one.last is not None]
    newest = Message.objects.select_related("sender").annotate(said_first=Left("text", _LAST_CHARS))
    last = newest.defer("text", "more").in_bulk(ids)
    chosen = ReadingChoice.objects.filter(slug__in=[one.slug for one in found])
    own = dict(chosen.values_list("slug", "self_key"))
    return [_row(one, last.get(one.last or 0), own.get(one.slug, "")) for one in found]


def _row(row: Conversation, message: Message | None, own: str) -> Row:
    sender = message.sender if message else None
    said = str(message.said_first) if message else ""  # type: ignore[attr-defined] # annotated
    return Row(
        row,
        title_of(row.app),
        _time(row, row.first),
        _time(row, row.last),
        sender.name if sender else "",
        bool(sender and speaker_of(sender, own).is_own),
        said,
        KINDS[message.kind] if message and not said else "",
    )


def _time(row: Conversation, message_id: int | None) -> dt.datetime | None:
    if message_id is None or not numbering.is_placed(message_id):
        return None
    zone = timezone.get_current_timezone()
    return shown(numbering.time_of(message_id), row.clock, zone)
