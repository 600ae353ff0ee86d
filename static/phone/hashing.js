// A Worker that takes the SHA-256 of whole files, while its reader takes those of their chunks: both
// together are what limits a backup, and this is half of it.
//
// Asked {id, bytes} for each piece of file `id` in order, and {id, end: true}; answers {id, taken} for
// each piece, in bytes, and {id, digest}. A new id begins a new file; what was begun is forgotten.

import { sha256 } from "../vendor/noble.js";

let current = null;
let whole = null;

self.onmessage = ({ data }) => {
  const { port } = data;
  port.onmessage = ({ data: { id, bytes, end } }) => {
    if (id !== current) [current, whole] = [id, sha256.create()];
    if (bytes) {
      whole.update(bytes);
      port.postMessage({ id, taken: bytes.length });
    }
    if (end) port.postMessage({ id, digest: whole.digest() });
  };
};
