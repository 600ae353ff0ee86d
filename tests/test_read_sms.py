"""SMS Backup & Restore: what is written in it reads back, and no file of it stops a reading."""

import base64
import io
import random
import tracemalloc
from collections import Counter
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations import limits
from conversations.elements import Element, elements_of
from conversations.events import ConversationKind, Kind, MediaKind
from conversations.readers._sms_bytes import PIECE_BYTES, Lifter, parseable, repaired
from conversations.readers._sms_talks import SELF
from conversations.reading import Reading
from conversations.recognising import recognise
from tests.reading_cast import MemoryTree, Read

HEAD = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<!--File Created By…-->\n"
texts = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"],
        include_characters="\n\t",
        exclude_characters="\ufffe\uffff",
    ),
    max_size=40,
).filter(lambda text: text != "null")
addresses = st.sampled_from(["+15550001", "5550002", "MyBank", "+15550001~5550002"])


def quoted(value: str, pairs: bool = True) -> str:
    """An attribute's value as the app writes it: line ends and emoji as references."""
    told = "".join(
        each if each not in "\n\t" and (each < "\U00010000" or not pairs) else references(each)
        for each in escape(value)
    )
    return (
        f"'{told}'" if '"' in told and "'" not in told else '"' + told.replace('"', "&quot;") + '"'
    )


def references(character: str) -> str:
    units = character.encode("utf-16-le")
    return "".join(
        f"&#{int.from_bytes(units[at : at + 2], 'little')};" for at in range(0, len(units), 2)
    )


def element(tag: str, inside: str = "", **attributes: object) -> str:
    told = "".join(f" {name}={quoted(str(value))}" for name, value in attributes.items())
    return f"<{tag}{told}>{inside}</{tag}>" if inside else f"<{tag}{told} />"


def sms(body: str = "Hello", **more: object) -> str:
    return element(
        "sms",
        **{"address": "+1555", "date": 1700000000000, "type": 1, "subject": "null", "body": body}
        | more,
    )


def mms(*parts: str, addresses: str = "", **more: object) -> str:
    inside = f"<parts>{''.join(parts)}</parts><addrs>{addresses}</addrs>"
    return element(
        "mms",
        inside,
        **{"address": "+1555", "date": 1700000000000, "msg_box": 1, "sub": "null"} | more,
    )


def backup(*records: str, root: str = "smses") -> str:
    return f'{HEAD}<{root} count="7">\n{"".join(records)}</{root}>'


def read(*records: str) -> Read:
    return Read({"sms-1.xml": backup(*records)})


@given(
    st.lists(
        st.tuples(addresses, st.sampled_from("123456"), st.integers(1, 2**41), texts, st.booleans())
    )
)
def test_any_conversation_reads_back(said) -> None:
    records = [
        sms(body, address=address, type=box, date=date)
        if is_short
        else mms(
            element("part", seq=-1, ct="application/smil", text="<smil/>"),
            element("part", seq=0, ct="text/plain", text=body),
            address=address,
            msg_box=box,
            date=date,
            addresses=element("addr", address="5550002", type=137),
        )
        for address, box, date, body, is_short in said
    ]
    found = read(*records)
    assert [(each.time, each.text, each.sender == SELF) for each in found.messages] == [
        (date, body, box != "1") for _, box, date, body, _ in said
    ]
    assert [each.conversation for each in found.messages] == [
        "~".join(sorted(address.split("~"))) for address, *_ in said
    ]
    assert {each.code for each in found.warnings} <= {"not-sent", "no-messages"}


@pytest.mark.parametrize(
    ("written", "body"),
    [
        ("&#55357;&#56838;", "😆"),
        ("&#xD83D;&#xde06;!", "😆!"),
        ("&#55357;&#56838;&#55357;&#56838;", "😆😆"),
        ("&#55357; &#56838;", "\ufffd \ufffd"),
        ("&#128518;&#55000;", "😆\ud6d8"),
        ("a&#10;b&#13;c&#9;d", "a\nb\rc\td"),
        ("a&#0;b&#x1F;c&#65535;", "a\ufffdb\ufffdc\ufffd"),
        ("raw\x01\x00control\ufffe", "raw\ufffd\ufffdcontrol\ufffd"),
        ("null", ""),
        ("&lt;b&gt; &amp;amp;", "<b> &amp;"),
    ],
)
def test_what_is_no_xml_is_repaired(written, body) -> None:
    found = read(f'<sms address="1" date="5" type="1" body="{written}"/>')
    assert [each.text for each in found.messages] == [body]
    assert not found.warnings


def test_bytes_that_are_no_utf8_are_repaired() -> None:
    start, end = backup(sms("@@")).encode().split(b"@@")
    emoji = "\ud83d\ude06".encode("utf-8", "surrogatepass")
    for written, body in ((emoji, "😆"), (b"a\xffb", "a\ufffdb")):
        found = Read({"sms.xml": start + written + end})
        assert [each.text for each in found.messages] == [body]


def test_quotes_around_a_body_that_looks_like_markup() -> None:
    body = 'look: data="AAAA" part data="BBBB"'
    assert [each.text for each in read(sms(body)).messages] == [body]


@pytest.mark.parametrize("box", ["3", "4", "5", "6"])
def test_what_was_not_sent_is_mine_and_is_told(box) -> None:
    found = read(sms(type=box))
    assert found.messages[0].sender == SELF
    assert [each.code for each in found.warnings] == ["not-sent"]


def test_ways_to_write_one_number_are_one_conversation() -> None:
    found = read(
        sms(address="+1 (555) 010-0001", contact_name="Ann"),
        sms(address="+15550100001", contact_name="Ann"),
    )
    assert [each.key for each in found.conversations] == ["+15550100001"]
    assert [(each.name, each.is_self) for each in found.people] == [("Me", True), ("Ann", False)]


def test_a_country_code_is_another_conversation() -> None:
    found = read(sms(address="5550100001"), sms(address="+15550100001"))
    assert len(found.conversations) == 2


@pytest.mark.parametrize("contact", ["null", "(Unknown)", ""])
def test_without_a_contact_the_number_is_the_name(contact) -> None:
    assert read(sms(contact_name=contact)).conversations[0].title == "+1555"


@pytest.mark.parametrize("address", ["null", "", "-2", "~"])
def test_a_hidden_number_is_unknown(address) -> None:
    found = read(sms(address=address))
    assert (found.conversations[0].title, found.messages[0].sender) == ("(Unknown)", "(Unknown)")


def test_a_group_is_the_set_of_its_addresses_and_each_says_its_own() -> None:
    told = [
        mms(
            element("part", seq=0, ct="text/plain", text=name),
            address=group,
            contact_name=names,
            addresses=element("addr", address=number, type=137)
            + element("addr", address="+1999", type=151)
            + element("addr", address="+1998", type=130)
            + element("addr", address="+1997", type=129),
        )
        for number, name, group, names in (
            ("+1 555-2", "Bob", "+15551~+15552", "Ann, Bob"),
            ("+15551", "Ann", "+15552~+15551", "Bob, Ann"),
        )
    ]
    found = read(*told, mms(address="+15551~+15552", msg_box=2))
    assert [each.key for each in found.conversations] == ["+15551~+15552"]
    assert found.conversations[0].kind is ConversationKind.GROUP
    names = {each.key: each.name for each in found.people}
    assert [(each.sender, names[each.sender], each.text) for each in found.messages] == [
        ("+15552", "Bob", "Bob"),
        ("+15551", "Ann", "Ann"),
        (SELF, "Me", ""),
    ]


def test_a_name_with_a_comma_leaves_a_group_its_numbers() -> None:
    found = read(mms(address="1~2", contact_name="Doe, Ann, Bob"))
    assert found.conversations[0].title == "1, 2"


def test_parts_come_in_their_order_and_without_the_layout() -> None:
    found = read(
        mms(
            element("part", seq=2, ct="text/plain", text="second"),
            element("part", seq=-1, ct="application/smil", text="<smil>", data="QUJD"),
            element("part", seq=1, ct="text/plain", text="first", data="null"),
            sub="Subject",
        )
    )
    assert (found.messages[0].text, found.messages[0].kind) == ("Subject\nfirst\nsecond", Kind.TEXT)


def bytes_of(tree: MemoryTree, place) -> bytes:
    return base64.b64decode(tree.files[place.file][place.start : place.start + place.length])


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.integers(1, 70))
def test_attachments_are_where_their_place_says_however_pieces_fall(contents, size) -> None:
    parts = [
        element("part", seq=0, ct="image/jpeg", name="null", cl="é.jpg", text="null")[:-2]
        + f" data = '{base64.b64encode(each).decode()}' x=\"1\"/>"
        for each in contents
    ]
    written = backup(sms("é😆"), mms(*parts), sms()).encode()
    lifter = Lifter()
    pieces = [lifter.feed(written[at : at + size]) for at in range(0, len(written), size)]
    seen = b"".join(pieces) + lifter.end()
    assert len(seen) <= len(written) + 40 * len(contents)
    whole = Lifter()
    assert seen == whole.feed(written) + whole.end()
    tree = MemoryTree({"sms.xml": written})
    attachments = Read(tree.files).messages[1].attachments
    assert [bytes_of(tree, each.place) for each in attachments] == contents
    assert [each.size for each in attachments] == list(map(len, contents))
    assert {each.name for each in attachments} <= {"é.jpg"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("", "missing"),
        ("null", "missing"),
        ("!!!!", "broken"),
        ("QUJDR", "broken"),
        ("QUI&#10;", "broken"),
    ],
)
def test_an_attachment_without_good_bytes_has_no_place(data, code) -> None:
    found = read(mms(f'<part seq="0" ct="image/png" name="a.png" data="{data}"/>'))
    assert [(each.name, each.place) for each in found.messages[0].attachments] == [("a.png", None)]
    assert [each.code for each in found.warnings] == [f"attachment-{code}"]


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/gif", MediaKind.IMAGE),
        ("video/3gpp", MediaKind.VIDEO),
        ("audio/amr", MediaKind.AUDIO),
        ("text/x-vCard", MediaKind.DOCUMENT),
        ("null", MediaKind.DOCUMENT),
    ],
)
def test_attachments_are_of_a_kind(media_type, kind) -> None:
    found = read(mms(element("part", seq=0, ct=media_type, data="QUJD")))
    assert [each.kind for each in found.messages[0].attachments] == [kind]


def test_a_picture_message_that_was_not_fetched_is_unreadable() -> None:
    found = read('<mms address="1" date="5" msg_box="1" m_type="130"/>')
    assert found.messages[0].kind is Kind.UNREADABLE


def test_calls_are_of_the_same_conversation() -> None:
    told = [
        ("1", 65, "Incoming call, 1:05"),
        ("3", 0, "Missed call"),
        ("2", 3601, "Outgoing call, 1:00:01"),
    ]
    calls = [
        element("call", number="+1 555", duration=length, date=5, type=box)
        for box, length, _ in told
    ]
    found = Read({"calls.xml": backup(*calls, root="calls"), "sms.xml": backup(sms())})
    assert {each.conversation for each in found.messages} == {"+1555"}
    called = [each for each in found.messages if each.kind is Kind.CALL]
    assert [each.text for each in called] == [text for *_, text in told]
    assert [each.sender for each in called] == ["+1555", "+1555", SELF]


def test_a_document_type_is_refused() -> None:
    bomb = '<!DOCTYPE smses [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><smses>'
    for head in (bomb, '<!DOCTYPE smses SYSTEM "file:///etc/passwd"><smses>'):
        found = Read({"sms.xml": head + sms("&b;") + "</smses>"})
        assert [each.code for each in found.warnings] == ["entities-forbidden", "no-messages"]
        assert not found.messages


def test_nothing_but_a_root_says_so() -> None:
    assert [each.code for each in read().warnings] == ["no-messages"]


def test_a_truncated_file_keeps_what_was_read() -> None:
    written = backup(
        sms("one"), mms(element("part", seq=0, ct="text/plain", text="two")), sms("3")
    ).encode()
    whole = [each.text for each in Read({"sms.xml": written}).messages]
    for at in range(written.index(b"<smses") + 7, len(written)):
        found = Read({"sms.xml": written[:at]})
        texts = [each.text for each in found.messages]
        assert texts == whole[: len(texts)] or texts == ["one", ""]
        assert "truncated" in [each.code for each in found.warnings]
        assert found.counts[0].seen == len(texts)


def test_many_remarks_do_not_hide_that_a_file_is_truncated() -> None:
    found = Read({"sms.xml": backup(*[sms(date="never")] * 500).removesuffix("</smses>")})
    told = Counter(each.code for each in found.warnings)
    assert told == {"no-time": limits.WARNINGS_TOLD_MAX, "truncated": 1}


def test_what_is_no_xml_costs_one_message() -> None:
    found = read(
        sms("one"), '<sms address="1" body="a & b < c"/>', sms("two"), "<sms date=5/>", sms("three")
    )
    assert [each.text for each in found.messages] == ["one", "two", "three"]
    assert [(each.code, each.line, each.records) for each in found.warnings] == [
        ("bad-xml", 2, 1),
        ("bad-xml", 4, 1),
    ]


def test_two_files_in_one_are_both_read() -> None:
    found = Read({"sms.xml": backup(sms("one")) + backup(sms("two"))})
    assert [each.text for each in found.messages] == ["one", "two"]


def test_zeros_at_the_end_are_told() -> None:
    found = Read({"sms.xml": backup(sms("one")) + "\0" * 1000})
    assert [each.code for each in found.warnings] == ["bad-xml"]


def test_an_unknown_record_is_told() -> None:
    found = read("<rcs body='x'><a><b/></a></rcs>", sms())
    assert [(each.code, each.detail, each.records) for each in found.warnings] == [
        ("unknown-record", "rcs", 1)
    ]


ODD = (
    st.sampled_from(["", "null", "-1", "9" * 5000, "1e9", "²", "x~", "\U0001f606", "~~~", "0"])
    | texts
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["sms", "mms", "call"]),
            st.dictionaries(
                st.sampled_from(
                    [
                        "address",
                        "number",
                        "date",
                        "type",
                        "msg_box",
                        "body",
                        "sub",
                        "contact_name",
                        "m_type",
                        "duration",
                    ]
                ),
                ODD,
            ),
            st.dictionaries(
                st.sampled_from(["seq", "ct", "text", "data", "name", "type", "address"]), ODD
            ),
        )
    )
)
def test_fields_of_any_content_are_read_and_counted(records) -> None:
    told = [
        element(tag, element("part", **inside) + element("addr", **inside), **attributes)
        for tag, attributes, inside in records
    ]
    found = read(*told)
    assert len(found.messages) == len(records)
    assert not {each.code for each in found.warnings} & {"reader-failed", "bad-xml", "truncated"}


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_damage_is_survived(damage, at) -> None:
    written = backup(
        sms("one"), mms(element("part", seq=0, ct="image/png", data="QUJD")), sms("two")
    ).encode()
    found = Read({"sms.xml": b"<smses>" + written[:at] + damage + written[at:]})
    assert "reader-failed" not in [each.code for each in found.warnings]


@pytest.mark.parametrize(
    "hostile",
    [
        '<sms body="' + "a" * (limits.LINE_BYTES_MAX * 2) + '"/>',
        "<sms " + " ".join(f"a{at}=''" for at in range(900_000)) + "/>",
        "<!--" + "<" * (limits.LINE_BYTES_MAX * 2) + "-->",
        "<part " + "x" * 300 + ' data="' + "A" * (limits.LINE_BYTES_MAX * 2) + '"/>',
    ],
    ids=["text", "attributes", "comment", "data"],
)
def test_a_record_that_is_too_long_is_told_and_the_next_one_read(hostile) -> None:
    found = read(sms("one"), hostile, sms("two"))
    assert [each.text for each in found.messages] == ["one", "two"]
    assert [each.code for each in found.warnings] == ["bad-xml"]


def test_deep_nesting_ends_in_a_warning_after_what_was_read() -> None:
    found = read(sms("one"), "<mms>" + "<a>" * 1_000_000)
    assert [each.text for each in found.messages] == ["one"]
    assert [each.code for each in found.warnings] == ["nested-too-deep"]


def test_many_broken_places_end_the_reading() -> None:
    found = read("<sms <" * 5000)
    assert [(each.code, each.records) for each in found.warnings] == [("bad-xml", 1)] * 1000 + [
        ("bad-xml", 0)
    ]


def test_more_parts_than_a_message_may_have_are_told() -> None:
    found = read(
        mms(*[element("part", seq=0, ct="text/plain", text="x")] * (limits.ATTACHMENTS_MAX + 5))
    )
    assert [each.code for each in found.warnings] == ["too-many-parts"]


class Generated(io.RawIOBase):
    """A backup with one attachment of ``size`` bytes of Base64, made while it is read."""

    def __init__(self, size: int) -> None:
        start, end = backup(mms('<part seq="0" ct="video/mp4" data="@@"/>'), sms("last")).split(
            "@@"
        )
        self.pieces = [start.encode(), b"", end.encode()]
        self.left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self.pieces[0]:
            head, self.pieces[0] = self.pieces[0][:size], self.pieces[0][size:]
            return head
        if self.left:
            size = min(size, self.left)
            self.left -= size
            return b"A" * size
        tail, self.pieces[2] = self.pieces[2][:size], self.pieces[2][size:]
        return tail


class GeneratedTree(MemoryTree):
    def open(self, name):
        return Generated(200 * limits.MIB)


def test_an_attachment_of_200_mib_takes_little_memory() -> None:
    tree = GeneratedTree({"sms.xml": b""})
    tracemalloc.start()
    (recognised,) = recognise(tree)
    reading = Reading(tree, recognised)
    messages = [event for event in reading if hasattr(event, "attachments")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert messages[0].attachments[0].size == 150 * limits.MIB
    assert messages[0].attachments[0].place.length == 200 * limits.MIB
    assert messages[1].text == "last"
    assert peak < 8 * limits.MIB


def test_pieces_end_where_no_character_is_torn() -> None:
    generator = random.Random(5)
    body = "".join(
        generator.choice(["é", "漢", "&#55357;&#56838;", " ", "x"]) for _ in range(PIECE_BYTES)
    )
    found = read(f'<sms address="1" date="5" type="1" body="{body}"/>')
    assert found.messages[0].text == body.replace("&#55357;&#56838;", "😆")


def test_a_clean_piece_is_left_alone() -> None:
    piece = backup(sms("漢字")).encode()
    assert repaired(piece) == piece
    (found,) = elements_of(parseable(io.BytesIO(piece)), ("sms",))
    assert isinstance(found, Element)
    assert found.attributes["body"] == "漢字"
