// The reader's side of the Worker that hashes whole files.

import { MIB } from "./wire/limits.js";

const AHEAD_BYTES_MAX = 8 * MIB;

/** SHA-256 of one file after the other; a few blocks at most are on their way to the Worker. */
export class Whole {
  #port;
  #id = 0;
  #out = 0;
  #goOn = () => {};
  #tell = () => {};

  constructor(port) {
    this.#port = port;
    port.onmessage = ({ data }) => this.#hear(data);
  }

  /** A new file. */
  begin() {
    this.#id += 1;
    this.#out = 0;
  }

  /** The next bytes of the file, which are copied; waits while too many are under way. */
  async update(bytes) {
    while (this.#out > 0 && this.#out + bytes.length > AHEAD_BYTES_MAX) {
      await new Promise((resolve) => {
        this.#goOn = resolve;
      });
    }
    this.#out += bytes.length;
    this.#port.postMessage({ id: this.#id, bytes });
  }

  /** A promise of the digest of all bytes since `begin`. */
  digest() {
    this.#port.postMessage({ id: this.#id, end: true });
    return new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  #hear({ id, taken, digest }) {
    if (id !== this.#id) return; // of a file that nobody wants any more
    if (digest) this.#tell(digest);
    this.#out -= taken ?? 0;
    this.#goOn();
  }
}
