"""The secure channel: what is sealed opens once, in order, whole; frames fill their message."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wire import channel, limits
from wire.channel import Channel, FrameType, control_frame, data_frame_header, frames, split_data
from wire.cipher import CipherState
from wire.errors import MalformedMessage, TooLarge, VerificationFailed

TAG, FULL = limits.NOISE_TAG_BYTES, limits.NOISE_PLAINTEXT_BYTES_MAX
SIZES = st.one_of(
    st.integers(1, 300),
    st.sampled_from([FULL - 1, FULL, FULL + 1, 3 * FULL, channel.MAX_PLAINTEXT]),
)


def pair():
    up, down = b"\x01" * 32, b"\x02" * 32
    h = bytes(32)
    return (
        Channel(CipherState(up), CipherState(down), h),
        Channel(CipherState(down), CipherState(up), h),
    )


def plaintext(size):
    return bytes(range(256)) * (size // 256) + bytes(size % 256)


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(SIZES, min_size=1, max_size=4))
def test_what_is_sealed_opens_to_the_same_bytes(sizes):
    phone, station = pair()
    for size in sizes:
        assert station.open(phone.seal(plaintext(size))) == plaintext(size)
        assert phone.open(station.seal(plaintext(size))) == plaintext(size)


@given(
    data=st.binary(min_size=1, max_size=400), kind=st.sampled_from([bytes, bytearray, memoryview])
)
def test_seals_any_buffer(data, kind):
    phone, station = pair()
    assert station.open(phone.seal(kind(data))) == data


def test_the_exact_bytes_of_a_sealed_message():
    phone, _ = pair()
    reference = CipherState(b"\x01" * 32)
    first, rest = plaintext(FULL), b"rest"
    assert phone.seal(first + rest) == (
        b"\xff\xff" + reference.encrypt(first) + b"\x00\x14" + reference.encrypt(rest)
    )


def test_the_largest_plaintext_fills_a_websocket_message():
    phone, _ = pair()
    sealed = phone.seal(bytes(channel.MAX_PLAINTEXT))
    assert len(sealed) == limits.WEBSOCKET_MESSAGE_BYTES_MAX
    largest_frame = channel.DATA_FRAME_OVERHEAD + limits.CHUNK_BYTES_MAX
    assert largest_frame <= channel.MAX_PLAINTEXT


@pytest.mark.parametrize("size", [0, channel.MAX_PLAINTEXT + 1])
def test_does_not_seal_what_does_not_fit_one_message(size):
    phone, _ = pair()
    with pytest.raises(TooLarge):
        phone.seal(bytes(size))


def test_refuses_a_message_above_the_limit():
    _, station = pair()
    with pytest.raises(TooLarge):
        station.reserve(bytes(limits.WEBSOCKET_MESSAGE_BYTES_MAX + 1))


def test_refuses_every_truncation():
    message = pair()[0].seal(b"hello")
    for end in range(len(message)):
        with pytest.raises(MalformedMessage):
            pair()[1].open(message[:end])


@pytest.mark.parametrize("more", [b"\0", b"\0\0", b"\0\x10" + bytes(16), b"\xff\xff"])
def test_refuses_bytes_after_the_last_noise_message(more):
    message = pair()[0].seal(b"hello")
    with pytest.raises(MalformedMessage):
        pair()[1].open(message + more)


def test_refuses_every_flipped_bit():
    message = pair()[0].seal(b"hello")
    for bit in range(len(message) * 8):
        flipped = bytearray(message)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((MalformedMessage, VerificationFailed)):
            pair()[1].open(bytes(flipped))


def test_refuses_a_replay():
    phone, station = pair()
    message = phone.seal(b"hello")
    station.open(message)
    with pytest.raises(VerificationFailed):
        station.open(message)


def test_refuses_messages_in_another_order():
    phone, station = pair()
    _, second = phone.seal(b"one"), phone.seal(b"two")
    with pytest.raises(VerificationFailed):
        station.open(second)


def test_refuses_swapped_pieces_of_one_message():
    phone, station = pair()
    message = phone.seal(plaintext(2 * FULL))
    half = len(message) // 2
    with pytest.raises(VerificationFailed):
        station.open(message[half:] + message[:half])


def test_refuses_its_own_message_reflected():
    phone, _ = pair()
    with pytest.raises(VerificationFailed):
        phone.open(phone.seal(b"hello"))


@pytest.mark.parametrize("sizes", [[1, 1], [FULL - 1, 1], [FULL, 1, FULL], [1] * 50_000])
def test_refuses_a_noise_message_before_the_last_that_is_not_full(sizes):
    """Tens of thousands of tiny ones in one message would keep the event loop busy."""
    sender = CipherState(b"\x01" * 32)
    sealed = [sender.encrypt(bytes(size)) for size in sizes]
    message = b"".join(len(noise).to_bytes(2) + noise for noise in sealed)
    with pytest.raises(MalformedMessage, match="full"):
        pair()[1].reserve(message)


def test_worker_threads_open_reserved_messages_in_any_order():
    phone, station = pair()
    originals = [plaintext(size) for size in (FULL * 2, 10, 100_000, FULL + 1)]
    reserved = [station.reserve(phone.seal(original)) for original in originals]
    assert [sealed.plaintext_bytes for sealed in reserved] == [len(o) for o in originals]
    opened = {}
    workers = [
        threading.Thread(target=lambda at=at: opened.update({at: station.decrypt(reserved[at])}))
        for at in (3, 1, 2, 0)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [opened[at] for at in range(4)] == originals


def test_worker_threads_seal_under_reserved_nonces_in_any_order():
    phone, station = pair()
    originals = [plaintext(FULL * 2), b"small"]
    nonces = [phone.reserve_seal(len(original)) for original in originals]
    second = phone.seal_at(nonces[1], originals[1])
    first = phone.seal_at(nonces[0], originals[0])
    assert [station.open(first), station.open(second)] == originals


def test_one_opened_message_is_not_changed_by_the_next():
    """Buffers are reused inside; what was handed out must not be."""
    phone, station = pair()
    first = station.open(phone.seal(b"first"))
    sealed = phone.seal(b"other")
    kept = bytes(sealed)
    station.open(sealed)
    assert (first, sealed) == (b"first", kept)


# Frames

FRAMES = st.one_of(
    st.binary(max_size=300).map(lambda payload: (FrameType.CONTROL, payload)),
    st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=300)).map(
        lambda data: (FrameType.DATA, data[0].to_bytes(4) + data[1])
    ),
)


@given(st.lists(FRAMES, max_size=8))
def test_frames_come_out_as_they_went_in(sent):
    message = b"".join(
        control_frame(payload)
        if kind is FrameType.CONTROL
        else data_frame_header(int.from_bytes(payload[:4]), len(payload) - 4) + payload[4:]
        for kind, payload in sent
    )
    assert [(frame.type, bytes(frame.payload)) for frame in frames(message)] == sent


def test_the_exact_bytes_of_frames():
    assert control_frame(b"{}") == b"\x00\x00\x00\x00\x02{}"
    assert data_frame_header(7, 3) == b"\x01\x00\x00\x00\x07\x00\x00\x00\x07"


def test_refuses_every_truncation_inside_a_frame():
    whole = control_frame(b"{}") + data_frame_header(1, 4) + b"data"
    ends = {0, len(control_frame(b"{}")), len(whole)}
    for end in set(range(len(whole))) - ends:
        with pytest.raises(MalformedMessage):
            frames(whole[:end])


@pytest.mark.parametrize("kind", [2, 127, 255])
def test_refuses_an_unknown_frame_type(kind):
    with pytest.raises(MalformedMessage):
        frames(bytes([kind]) + bytes(4))


def test_refuses_a_length_beyond_the_message():
    with pytest.raises(MalformedMessage):
        frames(b"\x01\xff\xff\xff\xff" + bytes(100))


def test_limits_of_frames():
    control, data = limits.CONTROL_BYTES_MAX, limits.CHUNK_BYTES_MAX
    assert len(frames(control_frame(bytes(control)))[0].payload) == control
    assert len(frames(data_frame_header(0, data) + bytes(data))[0].payload) == data + 4
    with pytest.raises(TooLarge):
        control_frame(bytes(control + 1))
    with pytest.raises(TooLarge):
        data_frame_header(0, data + 1)
    for kind, length in ((0, control + 1), (1, data + 5)):
        with pytest.raises(TooLarge):
            frames(bytes([kind]) + length.to_bytes(4) + bytes(length))


def test_splits_a_data_frame_into_reference_and_bytes():
    reference, data = split_data(b"\x00\x00\x01\x00chunk")
    assert (reference, bytes(data)) == (256, b"chunk")
    with pytest.raises(MalformedMessage):
        split_data(b"\x00\x00\x01")
