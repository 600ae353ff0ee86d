"""What tests of JSON readers share: a conversation that is rendered, and records that are wrong."""

import json

from hypothesis import strategies as st

from conversations import limits
from conversations.readers import BY_APP
from tests.reading_cast import Read

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.sampled_from(["Alice", "Bob", "Борис", "陈小明", "O'Neil <b>", "zoë"])
seconds = st.integers(1_000_000_000, 2_000_000_000)
said = st.lists(st.tuples(names, seconds, texts.filter(str.strip)), min_size=1, max_size=8)
layouts = st.fixed_dictionaries(
    {"indent": st.sampled_from([None, 1, 2]), "ensure_ascii": st.booleans()}
)
WRONG = (
    None,
    True,
    -1,
    -(2**63),
    2**63,
    2**64 - 1,
    10**30,
    "9" * 19,
    "-5",
    1.5,
    float("inf"),
    "",
    "x",
    [],
    [None, 1, "x", [], {}],
    {},
    {"a": 1},
)
"""Values of every type, for fields that should have another one."""


def read_wrong(app: str, name: str, document, record: dict, fields=()) -> None:
    """Every field of ``record``, and of its first inner objects, gets each wrong value.

    ``document`` makes the file's object of a list of records. Nothing may be raised or uncounted
    (:class:`Read` asserts that counts reconcile).
    """
    for wrong in WRONG:
        records = [dict(record) | {key: wrong} for key in (*record, *fields)]
        for key, value in record.items():
            match value:
                case [dict() as inner, *_]:
                    records += [record | {key: [inner | {each: wrong}]} for each in inner]
                case dict() as inner:
                    records += [record | {key: inner | {each: wrong}} for each in inner]
        read = reading(app, {name: json.dumps(document([record, wrong, *records]))})
        assert sum(counts.seen for counts in read.counts) == len(records) + 2
        codes = {each.code for each in read.warnings}
        assert codes <= {"not-a-record"}, read.warnings


def read_cut(app: str, name: str, data: bytes, count: int) -> None:
    """Cut anywhere, what stood before the cut is read, and the cut is told."""
    told = 0
    for cut in range(1, len(data) - 2, max(1, len(data) // 150)):
        read = Read({name: data[:cut]})
        if not read.apps:
            continue
        assert read.apps == [app]
        assert len(read.messages) + len(read.system) <= count
        assert read.warnings, cut
        assert {each.code for each in read.warnings} <= {"bad-json", "no-messages"}
        told += "bad-json" in {each.code for each in read.warnings}
    assert told > 10


def reading(app: str, files) -> Read:
    read = Read(files)
    assert set(read.apps) == {app}, read.apps
    assert app in BY_APP
    return read


def read_long(app: str, name: str, document, record: dict) -> None:
    """``record`` has a text that is longer than what is kept of one."""
    found = reading(app, {name: json.dumps(document([record]))})
    assert [len(message.text) for message in found.messages] == [limits.TEXT_CHARS_MAX]
    assert [(each.code, each.line, each.records) for each in found.warnings] == [("text-cut", 1, 0)]


LONG = "x" * (limits.TEXT_CHARS_MAX + 1)


def texts_of(read: Read) -> list[tuple[str, int | None, str]]:
    """Name, seconds and text of each message, in the order of reading."""
    by_key = {person.key: person.name for person in read.people}
    return [
        (by_key.get(each.sender, each.sender), each.time and each.time // 1000, each.text)
        for each in read.messages
    ]
