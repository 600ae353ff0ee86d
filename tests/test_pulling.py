"""JSON pulled piece by piece gives what the standard library gives, and damages are bounded."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations import limits
from conversations.pulling import BadRecords, Json, Unreadable
from conversations.records import records_of, value_at

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab"\\{[,:'), inner),
    max_leaves=20,
)
renderings = st.fixed_dictionaries(
    {"indent": st.sampled_from([None, 1, "\t"]), "ensure_ascii": st.booleans()}
)
sizes = st.sampled_from([1, 2, 3, 7, 64])


def consume(records, found: list[object]) -> None:
    for record in records:
        found.append(record)  # noqa: PERF402 - extend would keep nothing of a failed one


def file_of(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())


@given(st.lists(values, max_size=5), values, renderings, sizes)
def test_any_list_is_found_whole_in_any_document(wanted, other, rendering, size) -> None:
    document = {"before": other, "in": {"other": other, "list": wanted}, "after": other}
    text = json.dumps(document, **rendering)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "JSON_BYTES_AT_ONCE", size)
        assert list(records_of(file_of(text), "in.list.item")) == wanted
        assert value_at(file_of(text), "after") == other
        assert value_at(file_of(text), "in.nothing", "default") == "default"


@given(
    st.lists(st.dictionaries(st.text(max_size=3), values), min_size=1), renderings, sizes, st.data()
)
def test_a_cut_document_gives_what_stood_before_and_then_says_so(
    wanted, rendering, size, data
) -> None:
    text = json.dumps(wanted, **rendering)
    cut = data.draw(st.integers(1, len(text) - 1))
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "JSON_BYTES_AT_ONCE", size)
        with pytest.raises(BadRecords):
            consume(records_of(file_of(text[:cut]), "item"), found)
    assert found == wanted[: len(found)]


@pytest.mark.parametrize(
    ("element", "why"),
    [
        ("[" * 65 + "]" * 65, "nested deeper"),
        ('{"a":' * 10**5 + "1" + "}" * 10**5, "nested deeper"),
        ('"' + "x" * 2 * limits.RECORD_CHARS_MAX + '"', "larger"),
        ("[" + "1," * limits.RECORD_CHARS_MAX + "1]", "larger"),
        ("1" * 9 * limits.MIB, "larger"),
        ("1" * 5000, "not JSON"),
        ('{"a":tru}', "not JSON"),
        ("nul", "not JSON"),
    ],
)
def test_what_cannot_be_built_is_skipped_and_named(element: str, why: str) -> None:
    before, bad, after = records_of(file_of(f"[1,{element},2]"), "item")
    assert (before, after) == (1, 2)
    assert isinstance(bad, Unreadable)
    assert bad.why.startswith(why)


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"messages":['])
def test_a_document_nested_a_million_deep_ends_in_a_named_damage(opening: str) -> None:
    with pytest.raises(BadRecords, match="ends in the middle"):
        list(records_of(file_of(opening * 10**6), "messages.item"))


@pytest.mark.parametrize("text", ["[1,,2]", "[1 2]", "[1}", '["a":1]', "[1", '{"a" 1}', "{1:2}"])
def test_a_document_that_is_no_json_names_the_place(text: str) -> None:
    json_ = Json(file_of(text))
    with pytest.raises(BadRecords, match=r"at character \d+"):
        list(json_.elements()) if text[0] == "[" else list(json_.members())


def test_half_a_pair_of_surrogates_is_no_character() -> None:
    text = r'[{"\ud83d":"\ude00 \ud83d\ude00"}]'
    assert list(records_of(file_of(text), "item")) == [{"\ufffd": "\ufffd \U0001f600"}]


def test_bytes_that_are_no_text_and_a_byte_order_mark_do_no_harm() -> None:
    assert list(records_of(io.BytesIO(b'\xef\xbb\xbf["a\xff"]'), "item")) == ["a\ufffd"]
