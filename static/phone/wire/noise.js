// The Noise Protocol Framework, revision 34 (https://noiseprotocol.org/noise.html).
//
// Patterns NK, NKpsk0 and NNpsk0 with 25519, ChaChaPoly and SHA256: what this protocol uses, and
// what its published test vectors need. Section numbers below are those of the specification.
// Nothing here draws randomness: the caller passes a fresh ephemeral key.

import { hmac, sha256, x25519 } from "../../vendor/noble.js";
import { concat } from "./bytes.js";
import { CipherState } from "./cipher.js";
import { VerificationFailed } from "./errors.js";
import { KEY_BYTES, NOISE_MESSAGE_BYTES_MAX, NOISE_TAG_BYTES } from "./limits.js";

const SEALED_BYTES_MAX = NOISE_MESSAGE_BYTES_MAX - KEY_BYTES;
const EMPTY = new Uint8Array(0);

/** Handshake patterns: full name (section 8) and the tokens of each message (section 7). */
export const Pattern = Object.freeze({
  NK: pattern("NK", [
    ["e", "es"],
    ["e", "ee"],
  ]),
  NK_PSK0: pattern("NKpsk0", [
    ["psk", "e", "es"],
    ["e", "ee"],
  ]),
  NN_PSK0: pattern("NNpsk0", [
    ["psk", "e"],
    ["e", "ee"],
  ]),
});

function pattern(name, tokens) {
  return Object.freeze({
    protocolName: `Noise_${name}_25519_ChaChaPoly_SHA256`,
    tokens,
    usesPsk: tokens[0].includes("psk"),
    responderIsKnown: tokens[0].includes("es"),
  });
}

/** Chaining key, hash and current cipher (section 5.2). */
class SymmetricState {
  #ck;
  #cipher; // every pattern above mixes in a key before its first payload
  h;

  constructor(protocolName) {
    const name = new TextEncoder().encode(protocolName);
    this.h = name.length <= 32 ? concat(name, new Uint8Array(32 - name.length)) : sha256(name);
    this.#ck = this.h;
  }

  mixHash(data) {
    this.h = sha256(concat(this.h, data));
  }

  mixKey(material) {
    const [ck, key] = hkdf(this.#ck, material, 2);
    this.#ck = ck;
    this.#cipher = new CipherState(key);
  }

  mixKeyAndHash(material) {
    const [ck, toHash, key] = hkdf(this.#ck, material, 3);
    this.#ck = ck;
    this.mixHash(toHash);
    this.#cipher = new CipherState(key);
  }

  encryptAndHash(plaintext) {
    const ciphertext = this.#cipher.encrypt(plaintext, this.h);
    this.mixHash(ciphertext);
    return ciphertext;
  }

  decryptAndHash(ciphertext) {
    const plaintext = this.#cipher.decrypt(ciphertext, this.h);
    this.mixHash(ciphertext);
    return plaintext;
  }

  split() {
    return hkdf(this.#ck, EMPTY, 2).map((key) => new CipherState(key));
  }
}

/** Section 4.3: RFC 5869 with empty info, `outputs` blocks of 32 bytes. */
function hkdf(chainingKey, material, outputs) {
  const secret = hmac(sha256, chainingKey, material);
  const blocks = [EMPTY];
  for (let number = 1; number <= outputs; number += 1) {
    blocks.push(hmac(sha256, secret, concat(blocks[number - 1], Uint8Array.of(number))));
  }
  return blocks.slice(1);
}

/** Whose message is next. A failed handshake goes no further (section 5.3). */
const Turn = Object.freeze({
  INITIATOR: "initiator",
  RESPONDER: "responder",
  COMPLETE: "complete",
  FAILED: "failed",
});
const NEXT = { [Turn.INITIATOR]: Turn.RESPONDER, [Turn.RESPONDER]: Turn.COMPLETE };

/**
 * One side of a handshake of two messages, the initiator's first (section 5.3).
 *
 * Out of turn, after a failure, and for every byte that is not the peer's, a call throws
 * {@link VerificationFailed}.
 */
export class HandshakeState {
  #pattern;
  #mine;
  #turn = Turn.INITIATOR;
  #symmetric;
  #e;
  #s;
  #rs;
  #re = null;
  #psk;

  /**
   * @param pattern one of {@link Pattern}
   * @param {object} given
   * @param {boolean} given.initiator
   * @param {Uint8Array} given.prologue
   * @param {Uint8Array} given.ephemeral an X25519 private key, fresh for this handshake
   * @param {Uint8Array} [given.s] the responder's static private key
   * @param {Uint8Array} [given.rs] for the initiator: the same key's public half
   * @param {Uint8Array} [given.psk] 32 bytes shared beforehand
   */
  constructor(pattern, { initiator, prologue, ephemeral, s = null, rs = null, psk = null }) {
    if ((psk !== null) !== pattern.usesPsk) throw new TypeError("a psk goes with a psk pattern");
    if (((initiator ? rs : s) !== null) !== pattern.responderIsKnown) {
      throw new TypeError("the responder's static key goes with an NK pattern");
    }
    this.#pattern = pattern;
    this.#mine = initiator ? Turn.INITIATOR : Turn.RESPONDER;
    [this.#e, this.#s, this.#rs, this.#psk] = [ephemeral, s, rs, psk];
    this.#symmetric = new SymmetricState(pattern.protocolName);
    this.#symmetric.mixHash(prologue);
    const known = s === null ? rs : x25519.getPublicKey(s);
    if (known !== null) this.#symmetric.mixHash(known);
  }

  /** The 32 bytes h that name this session once both messages have passed (section 11.2). */
  get handshakeHash() {
    return this.#symmetric.h;
  }

  /** The next handshake message, carrying `payload`. */
  writeMessage(payload) {
    const after = this.#begin(true);
    let publicKey = EMPTY;
    for (const token of this.#tokens(after)) {
      if (token === "e") {
        publicKey = x25519.getPublicKey(this.#e);
        this.#mixEphemeral(publicKey);
      } else {
        this.#mixSecret(token);
      }
    }
    const message = concat(publicKey, this.#symmetric.encryptAndHash(payload));
    this.#turn = after;
    return message;
  }

  /** The payload of the peer's next handshake message. */
  readMessage(message) {
    const after = this.#begin(false);
    const sealed = message.subarray(KEY_BYTES);
    if (sealed.length < NOISE_TAG_BYTES || sealed.length > SEALED_BYTES_MAX) {
      throw new VerificationFailed("a handshake message has no possible length");
    }
    for (const token of this.#tokens(after)) {
      if (token === "e") {
        this.#re = message.slice(0, KEY_BYTES);
        this.#mixEphemeral(this.#re);
      } else {
        this.#mixSecret(token);
      }
    }
    const payload = this.#symmetric.decryptAndHash(sealed);
    this.#turn = after;
    return payload;
  }

  /** Ciphers for initiator to responder and back, once both messages have passed. */
  split() {
    if (this.#turn !== Turn.COMPLETE) {
      throw new VerificationFailed("the handshake is not complete");
    }
    return this.#symmetric.split();
  }

  /** The turn after this message; until it has passed, the handshake counts as failed. */
  #begin(writing) {
    const turn = this.#turn;
    this.#turn = Turn.FAILED;
    if (!(turn in NEXT) || (turn === this.#mine) !== writing) {
      throw new VerificationFailed("a handshake message out of turn");
    }
    return NEXT[turn];
  }

  #tokens(after) {
    return this.#pattern.tokens[after === Turn.COMPLETE ? 1 : 0];
  }

  #mixEphemeral(publicKey) {
    this.#symmetric.mixHash(publicKey);
    if (this.#pattern.usesPsk) this.#symmetric.mixKey(publicKey); // section 9.2
  }

  /** Mix in the shared secret that `token` names (sections 5.3 and 9.2). */
  #mixSecret(token) {
    if (token === "psk") {
      this.#symmetric.mixKeyAndHash(this.#psk);
      return;
    }
    const isStatic = token === "es";
    const own = isStatic && this.#s !== null ? this.#s : this.#e;
    const theirs = isStatic && this.#s === null ? this.#rs : this.#re;
    this.#symmetric.mixKey(exchange(own, theirs));
  }
}

function exchange(privateKey, publicKey) {
  try {
    return x25519.getSharedSecret(privateKey, publicKey);
  } catch {
    // All zeros: the peer's key has small order (section 12.1, RFC 7748).
    throw new VerificationFailed("the peer's key is not a valid point");
  }
}
