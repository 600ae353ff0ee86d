// A key and its nonces, after the handshake and within it (Noise specification, section 5.1).

import { chacha20poly1305 } from "../../vendor/noble.js";
import { VerificationFailed } from "./errors.js";
import { NOISE_MESSAGE_BYTES_MAX } from "./limits.js";

const NONCE_END = Number.MAX_SAFE_INTEGER; // below the 2^64 - 1 of section 5.1; never reached
// Where its output begins at a multiple of four, the cipher works by words, elsewhere by bytes:
// that takes more time than to copy from here.
const scratch = new Uint8Array(NOISE_MESSAGE_BYTES_MAX);

/**
 * A key and its nonce counter. Failures throw {@link VerificationFailed}; a nonce is never used
 * again.
 */
export class CipherState {
  #key;
  #next = 0;
  #nonce = new Uint8Array(12);
  #counter = new DataView(this.#nonce.buffer, 4);

  /** @param {Uint8Array} key 32 bytes */
  constructor(key) {
    this.#key = key;
  }

  /** Ciphertext and 16-byte tag under the next nonce. */
  encrypt(plaintext, ad = undefined) {
    return this.#cipher(ad).encrypt(plaintext);
  }

  /** Plaintext under the next nonce. */
  decrypt(ciphertext, ad = undefined) {
    return this.#opened(() => this.#cipher(ad).decrypt(ciphertext));
  }

  /** Encrypt under the next nonce into `target`, which is 16 bytes longer than `plaintext`. */
  encryptInto(plaintext, target) {
    const output = outputFor(target);
    this.#cipher().encrypt(plaintext, output);
    if (output !== target) target.set(output);
  }

  /** Decrypt under the next nonce into `target`, which is 16 bytes shorter than `ciphertext`. */
  decryptInto(ciphertext, target) {
    const output = outputFor(target);
    this.#opened(() => this.#cipher().decrypt(ciphertext, output));
    if (output !== target) target.set(output);
  }

  #cipher(ad) {
    if (this.#next === NONCE_END) {
      throw new VerificationFailed("the nonces of this key are used up");
    }
    this.#counter.setUint32(0, this.#next >>> 0, true);
    this.#counter.setUint32(4, Math.floor(this.#next / 2 ** 32), true);
    this.#next += 1;
    return chacha20poly1305(this.#key, this.#nonce, ad);
  }

  #opened(work) {
    try {
      return work();
    } catch (error) {
      if (error instanceof VerificationFailed) throw error;
      throw new VerificationFailed("a message failed authentication");
    }
  }
}

function outputFor(target) {
  const aligned = target.byteOffset % 4 === 0;
  return aligned || target.length > scratch.length ? target : scratch.subarray(0, target.length);
}
