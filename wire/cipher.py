"""A key and its nonces, after the handshake and within it (Noise specification, section 5.1)."""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.utils import Buffer

from wire.errors import VerificationFailed

_NONCE_END: Final = 2**64 - 1  # the last value is reserved (section 5.1)
_NONCE_PREFIX: Final = bytes(4)


class CipherState:
    """A key and its nonce counter (section 5.1), split so that worker threads can share it.

    ``encrypt`` and ``decrypt`` use the next nonce; ``reserve`` takes nonces in order on one thread
    and the ``_at`` methods use them on any thread, in any order. Failures raise
    :class:`VerificationFailed`; a nonce is never used again.
    """

    __slots__ = ("_aead", "n")

    def __init__(self, key: bytes) -> None:
        self._aead = ChaCha20Poly1305(key)
        self.n = 0

    def reserve(self, count: int) -> int:
        """Take ``count`` nonces and return the first."""
        first = self.n
        if first + count > _NONCE_END:
            raise VerificationFailed("the nonces of this key are used up")
        self.n = first + count
        return first

    def encrypt(self, plaintext: Buffer, ad: bytes = b"") -> bytes:
        """Ciphertext and 16-byte tag under the next nonce."""
        return self.encrypt_at(self.reserve(1), plaintext, ad)

    def decrypt(self, ciphertext: Buffer, ad: bytes = b"") -> bytes:
        """Plaintext under the next nonce."""
        return self.decrypt_at(self.reserve(1), ciphertext, ad)

    def encrypt_at(self, n: int, plaintext: Buffer, ad: bytes = b"") -> bytes:
        """Encrypt under a reserved nonce."""
        return self._aead.encrypt(_nonce(n), plaintext, ad)

    def decrypt_at(self, n: int, ciphertext: Buffer, ad: bytes = b"") -> bytes:
        """Decrypt under a reserved nonce."""
        try:
            return self._aead.decrypt(_nonce(n), ciphertext, ad)
        except InvalidTag:
            raise VerificationFailed("a message failed authentication") from None

    def encrypt_into(self, n: int, plaintext: Buffer, target: Buffer) -> None:
        """Encrypt under a reserved nonce into ``target``, 16 bytes longer than ``plaintext``."""
        self._aead.encrypt_into(_nonce(n), plaintext, None, target)

    def decrypt_into(self, n: int, ciphertext: Buffer, target: Buffer) -> None:
        """Decrypt under a reserved nonce into ``target``, 16 bytes shorter than ``ciphertext``."""
        try:
            self._aead.decrypt_into(_nonce(n), ciphertext, None, target)
        except InvalidTag:
            raise VerificationFailed("a message failed authentication") from None


def _nonce(n: int) -> bytes:
    return _NONCE_PREFIX + n.to_bytes(8, "little")
