"""The Noise Protocol Framework, revision 34 (https://noiseprotocol.org/noise.html).

Patterns NK, NKpsk0 and NNpsk0 with 25519, ChaChaPoly and SHA256: what this protocol uses, and what
its published test vectors need. Section numbers below are those of the specification. Nothing here
draws randomness: the caller passes a fresh ephemeral key.
"""

import hashlib
import hmac
from enum import Enum, auto
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from wire import limits
from wire.cipher import CipherState
from wire.errors import VerificationFailed

_SEALED_BYTES_MAX: Final = limits.NOISE_MESSAGE_BYTES_MAX - limits.KEY_BYTES


class _Token(Enum):
    """What a handshake message does with keys (sections 5.3 and 9.2)."""

    E = auto()
    EE = auto()
    ES = auto()
    PSK = auto()


class Pattern(Enum):
    """A handshake pattern: the tokens of each message, the initiator's first (section 7)."""

    NK = ((_Token.E, _Token.ES), (_Token.E, _Token.EE))
    NK_PSK0 = ((_Token.PSK, _Token.E, _Token.ES), (_Token.E, _Token.EE))
    NN_PSK0 = ((_Token.PSK, _Token.E), (_Token.E, _Token.EE))

    def tokens(self, message: int) -> tuple[_Token, ...]:
        """The tokens of the first (0) or second (1) message."""
        tokens: tuple[_Token, ...] = self.value[message]
        return tokens

    @property
    def protocol_name(self) -> bytes:
        """The full name that is hashed into every handshake (section 8)."""
        return f"Noise_{self.name.replace('_PSK', 'psk')}_25519_ChaChaPoly_SHA256".encode()

    @property
    def uses_psk(self) -> bool:
        """Whether the pattern has a psk modifier (section 9)."""
        return _Token.PSK in self.tokens(0)

    @property
    def responder_is_known(self) -> bool:
        """Whether the initiator knows the responder's static key beforehand."""
        return _Token.ES in self.tokens(0)


class _SymmetricState:
    """Chaining key, hash and current cipher (section 5.2)."""

    # Every pattern above mixes in a key before its first payload, so nothing is ever sent without.
    _cipher: CipherState

    def __init__(self, protocol_name: bytes) -> None:
        if len(protocol_name) <= hashlib.sha256().digest_size:
            self.h = protocol_name.ljust(32, b"\0")
        else:
            self.h = hashlib.sha256(protocol_name).digest()
        self._ck = self.h

    def mix_hash(self, data: bytes) -> None:
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, material: bytes) -> None:
        self._ck, key = _hkdf(self._ck, material, 2)
        self._cipher = CipherState(key)

    def mix_key_and_hash(self, material: bytes) -> None:
        self._ck, to_hash, key = _hkdf(self._ck, material, 3)
        self.mix_hash(to_hash)
        self._cipher = CipherState(key)

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        ciphertext = self._cipher.encrypt(plaintext, self.h)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        plaintext = self._cipher.decrypt(ciphertext, self.h)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        initiator_key, responder_key = _hkdf(self._ck, b"", 2)
        return CipherState(initiator_key), CipherState(responder_key)


def _hkdf(chaining_key: bytes, material: bytes, outputs: int) -> list[bytes]:
    """Section 4.3: RFC 5869 with empty info, ``outputs`` blocks of 32 bytes."""
    secret = hmac.digest(chaining_key, material, "sha256")
    blocks = [b""]
    for number in range(1, outputs + 1):
        blocks.append(hmac.digest(secret, blocks[-1] + bytes([number]), "sha256"))
    return blocks[1:]


class _Turn(Enum):
    """Whose message is next. A failed handshake goes no further (section 5.3)."""

    INITIATOR = auto()
    RESPONDER = auto()
    COMPLETE = auto()
    FAILED = auto()


class HandshakeState:
    """One side of a handshake of two messages, the initiator's first (section 5.3).

    ``s`` is the responder's static private key, ``rs`` the same key's public half for the
    initiator, ``psk`` 32 bytes shared beforehand, ``ephemeral`` a key that is fresh for this
    handshake. Out of turn, after a failure, and for every byte that is not the peer's, a call
    raises :class:`VerificationFailed`.
    """

    def __init__(
        self,
        pattern: Pattern,
        *,
        initiator: bool,
        prologue: bytes,
        ephemeral: X25519PrivateKey,
        s: X25519PrivateKey | None = None,
        rs: bytes | None = None,
        psk: bytes | None = None,
    ) -> None:
        if (psk is not None) != pattern.uses_psk:
            raise ValueError("a psk goes with a psk pattern")
        if ((rs if initiator else s) is not None) != pattern.responder_is_known:
            raise ValueError("the responder's static key goes with an NK pattern")
        self._pattern, self._psk, self._e, self._s = pattern, psk, ephemeral, s
        self._mine = _Turn.INITIATOR if initiator else _Turn.RESPONDER
        self._turn = _Turn.INITIATOR
        self._re: X25519PublicKey | None = None
        self._rs = None if rs is None else X25519PublicKey.from_public_bytes(rs)
        self._symmetric = _SymmetricState(pattern.protocol_name)
        self._symmetric.mix_hash(prologue)
        known = self._rs if s is None else s.public_key()
        if known is not None:
            self._symmetric.mix_hash(known.public_bytes_raw())

    @property
    def handshake_hash(self) -> bytes:
        """The 32 bytes h that name this session once both messages have passed (section 11.2)."""
        return self._symmetric.h

    def write_message(self, payload: bytes) -> bytes:
        """The next handshake message, carrying ``payload``."""
        tokens = self._begin(self._turn is self._mine)
        public = b""
        for token in tokens:
            if token is _Token.E:
                public = self._e.public_key().public_bytes_raw()
                self._mix_ephemeral(public)
            else:
                self._mix_secret(token)
        return self._finish(public + self._symmetric.encrypt_and_hash(payload))

    def read_message(self, message: bytes) -> bytes:
        """The payload of the peer's next handshake message."""
        tokens = self._begin(self._turn is not self._mine)
        public, sealed = message[: limits.KEY_BYTES], message[limits.KEY_BYTES :]
        if not limits.NOISE_TAG_BYTES <= len(sealed) <= _SEALED_BYTES_MAX:
            raise VerificationFailed("a handshake message has no possible length")
        for token in tokens:
            if token is _Token.E:
                self._re = X25519PublicKey.from_public_bytes(public)
                self._mix_ephemeral(public)
            else:
                self._mix_secret(token)
        return self._finish(self._symmetric.decrypt_and_hash(sealed))

    def split(self) -> tuple[CipherState, CipherState]:
        """Ciphers for initiator to responder and back, once both messages have passed."""
        if self._turn is not _Turn.COMPLETE:
            raise VerificationFailed("the handshake is not complete")
        return self._symmetric.split()

    def _begin(self, in_turn: bool) -> tuple[_Token, ...]:
        turn, self._turn = self._turn, _Turn.FAILED  # until this message has passed
        if turn not in _NEXT or not in_turn:
            raise VerificationFailed("a handshake message out of turn")
        self._after = _NEXT[turn]
        return self._pattern.tokens(int(turn is _Turn.RESPONDER))

    def _finish(self, result: bytes) -> bytes:
        self._turn = self._after
        return result

    def _mix_ephemeral(self, public: bytes) -> None:
        self._symmetric.mix_hash(public)
        if self._pattern.uses_psk:  # section 9.2
            self._symmetric.mix_key(public)

    def _mix_secret(self, token: _Token) -> None:
        """Mix in the shared secret that ``token`` names (sections 5.3 and 9.2)."""
        if token is _Token.PSK:
            assert self._psk is not None
            self._symmetric.mix_key_and_hash(self._psk)
            return
        private, public = self._e, self._re
        if token is _Token.ES and self._s is not None:
            private = self._s
        elif token is _Token.ES:
            public = self._rs
        assert public is not None
        try:
            self._symmetric.mix_key(private.exchange(public))
        except ValueError:  # all zeros: the peer's key has small order (section 12.1, RFC 7748)
            raise VerificationFailed("the peer's key is not a valid point") from None


_NEXT: Final = {_Turn.INITIATOR: _Turn.RESPONDER, _Turn.RESPONDER: _Turn.COMPLETE}
