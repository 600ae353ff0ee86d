"""One message that several exports have: what is kept of the older and of the newer telling.

Nothing that was ever kept is lost: a text that changed is kept as an earlier one, a deletion leaves
the text and is noted, and bytes that one export left out are taken from the other.
"""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, Final

from msgspec.structs import replace

from conversations.events import Kind, Message
from conversations.more import More, Telling

_SAYS_LESS: Final = (Kind.DELETED, Kind.UNREADABLE)
Fact = str | tuple[str, str]


def told(message: Message, source: str) -> Telling:
    """What an export tells."""
    return Telling(message.kind, message.text, more_of(message), source)


def more_of(message: Message) -> More:
    """What an export tells that has no column of its own."""
    return More(
        message.reactions, message.edited, message.forwarded_from, message.earlier, message.deleted
    )


def with_another(before: Telling, mine: Telling, age: Callable[[str], Any]) -> Telling:
    """What is told of a message with one telling more, by ``age`` of their sources.

    ``before`` is what this made of the others; its source is the youngest of theirs. The same comes
    out whichever of them was read first.
    """
    others = before.more.tellings or (before,)
    if len(others) == 1 and _is_same(before, mine):
        return before
    tellings = _that_count(sorted((*others, mine), key=lambda each: age(each.source)))
    whole = reduce(merged, tellings)
    more = replace(whole.more, tellings=tuple(tellings) if len(tellings) > 1 else ())
    return replace(whole, more=more, source=before.source)


def _is_same(one: Telling, other: Telling) -> bool:
    return (one.kind, one.text, one.more) == (other.kind, other.text, other.more)


def _that_count(tellings: Iterable[Telling]) -> list[Telling]:
    """The youngest, and those that tell what no younger one does."""
    kept: list[Telling] = []
    known: set[Fact] = set()
    for each in reversed(list(tellings)):
        facts = set(_facts(each))
        if not kept or not facts <= known:
            kept.append(each)
            known |= facts
    return kept[::-1]


def _facts(telling: Telling) -> Iterable[Fact]:
    """What it tells that a younger telling may tell otherwise, or not at all."""
    more = telling.more
    if more.deleted or telling.kind == Kind.DELETED:
        yield "deleted"
    if telling.kind in _SAYS_LESS:
        return
    yield "kind"
    yield from (("text", text) for text in (telling.text, *more.earlier) if text)
    if more.reactions:
        yield "reactions"
    if more.edited is not None:
        yield "edited"
    if more.forwarded_from:
        yield "forwarded"


def merged(older: Telling, newer: Telling) -> Telling:
    """The older telling, as the newer one changes it."""
    if _is_same(older, newer):
        return older
    was_deleted = older.more.deleted or newer.more.deleted
    if newer.kind in _SAYS_LESS and older.kind not in _SAYS_LESS:
        is_deleted = was_deleted or newer.kind == Kind.DELETED
        return replace(older, more=replace(older.more, deleted=is_deleted))
    if not newer.text and older.text:
        newer = replace(newer, text=older.text)
    earlier = [*older.more.earlier, *newer.more.earlier]
    if older.text not in ("", newer.text) and older.kind not in _SAYS_LESS:
        earlier.append(older.text)
    is_back = older.kind == Kind.DELETED != newer.kind  # from an export of before
    more = More(
        reactions=newer.more.reactions or older.more.reactions,
        edited=older.more.edited if newer.more.edited is None else newer.more.edited,
        forwarded_from=newer.more.forwarded_from or older.more.forwarded_from,
        earlier=tuple(text for text in dict.fromkeys(earlier) if text != newer.text),
        deleted=was_deleted or is_back,
    )
    return Telling(newer.kind, newer.text, more)
