"""How one chunk lies in a pack: index 4 | AES-256-GCM(plaintext, perhaps compressed) | tag 16.

Stored form and lengths are authenticated, so a reader knows before opening how large the result is.
"""

import threading
from typing import Final

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from transfer.store.crypto import NONCE_BYTES, TAG_BYTES
from wire import limits
from wire.errors import Damaged, TooLarge

Content = bytes | bytearray | memoryview

INDEX_BYTES: Final = 4
OVERHEAD_BYTES: Final = INDEX_BYTES + TAG_BYTES
KIND_PLAIN: Final = b"\x00"
KIND_ZSTD: Final = b"\x01"

_PROBE_BYTES: Final = 4096
_threads: Final = threading.local()


def compress(plaintext: Content) -> Content:
    """``plaintext`` as zstd level 1 when that saves an eighth, else as it is.

    Two samples from inside decide first (a photo's metadata at the start compresses well, the
    photo does not), so that media costs next to nothing.
    """
    size = len(plaintext)
    if size > limits.CHUNK_BYTES_MAX:
        raise TooLarge(f"chunk of {size} bytes")
    if size > 4 * _PROBE_BYTES and not _sample_compresses(memoryview(plaintext)):
        return plaintext
    compressed = _compressor().compress(plaintext)
    return compressed if len(compressed) < size - size // 8 else plaintext


def _sample_compresses(plaintext: memoryview) -> bool:
    size = len(plaintext)
    starts = (size // 3, 2 * size // 3)
    sample = b"".join(plaintext[at : at + _PROBE_BYTES] for at in starts)
    return len(_compressor().compress(sample)) < len(sample) * 7 // 8


def _compressor() -> zstandard.ZstdCompressor:
    # A compressor object serves one thread at a time.
    if not hasattr(_threads, "compressor"):
        _threads.compressor = zstandard.ZstdCompressor(level=1)
    compressor: zstandard.ZstdCompressor = _threads.compressor
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_threads, "decompressor"):
        _threads.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _threads.decompressor
    return decompressor


def kind_of(sealed_len: int, raw_len: int) -> bytes:
    """The stored form that these lengths mean: compressed only ever when that is shorter."""
    return KIND_PLAIN if sealed_len == raw_len + OVERHEAD_BYTES else KIND_ZSTD


def associated_data(header: bytes, chunk_id: bytes, sealed_len: int, raw_len: int) -> bytes:
    """Pack header || kind || chunk id || sealed length u32 || plaintext length u32."""
    lengths = sealed_len.to_bytes(4) + raw_len.to_bytes(4)
    return header + kind_of(sealed_len, raw_len) + chunk_id + lengths


def nonce(index: int) -> bytes:
    """The nonce of the ``index``-th chunk of its pack: the number, big-endian."""
    return index.to_bytes(NONCE_BYTES)


def open_sealed(key: AESGCM, sealed: bytes, associated: bytes, raw_len: int) -> bytes:
    """The plaintext of one sealed chunk; raises :class:`Damaged`, never returns other lengths."""
    if raw_len > limits.CHUNK_BYTES_MAX or len(sealed) < OVERHEAD_BYTES:
        raise Damaged("impossible length")
    index = int.from_bytes(sealed[:INDEX_BYTES])
    try:
        content = key.decrypt(nonce(index), memoryview(sealed)[INDEX_BYTES:], associated)
    except InvalidTag:
        raise Damaged("the bytes were altered") from None
    if kind_of(len(sealed), raw_len) == KIND_PLAIN:
        return content
    return decompress(content, raw_len)


def decompress(content: bytes, raw_len: int) -> bytes:
    """Exactly ``raw_len`` bytes out of one zstd frame; more are never produced (zip bombs)."""
    try:
        # The frame's own claim is what the library would allocate: it has to be ours first.
        if zstandard.frame_content_size(content) != raw_len:
            raise Damaged("compressed length does not match")
        plaintext = _decompressor().decompress(content, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(f"cannot decompress: {error}") from None
    if len(plaintext) != raw_len:
        raise Damaged("compressed length does not match")
    return plaintext
