// A Worker that reads files: slices, cuts and hashes their chunks, so that the engine can encrypt and
// send meanwhile; a further one hashes each file as a whole. It is ahead of both by a few blocks at most.
//
// Asked {run} (a new connection: forget what the one before wanted), {run, number, name, file} or
// {run, release: bytes}; answers {run, number, buffer, size, pieces}, and at the end of a file
// {run, number, item} or {run, number, problem}.

import { sha256 } from "../vendor/noble.js";
import { cutter } from "./cutting.js";
import { mediaType } from "./sources.js";
import { Whole } from "./whole.js";
import { concat } from "./wire/bytes.js";
import { CHUNK_BYTES_MAX, MIB } from "./wire/limits.js";
import { packRefs } from "./wire/manifest.js";

const BLOCK_BYTES = 4 * CHUNK_BYTES_MAX; // smaller slices cost a browser twice the time
const AHEAD_BYTES_MAX = 12 * MIB;

/** What one connection wants read. Reading waits while too much of it is not released. */
class Run {
  #queue = Promise.resolve();
  #out = 0;
  #goOn = null;

  constructor(id) {
    this.id = id;
    this.isOver = false;
  }

  add(asked) {
    this.#queue = this.#queue.then(() => this.#read(asked));
  }

  async #read({ number, name, file }) {
    if (this.isOver) return;
    try {
      const item = await readItem(this, number, name, file);
      if (item) this.post({ number, item });
    } catch (error) {
      const reason = error?.name === "NotFoundError" ? "vanished" : "unreadable";
      this.post({ number, problem: { path: name, reason, detail: String(error) } });
    }
  }

  async room(size) {
    while (!this.isOver && this.#out > 0 && this.#out + size > AHEAD_BYTES_MAX) {
      await new Promise((resolve) => {
        this.#goOn = resolve;
      });
    }
    this.#out += size;
  }

  release(size) {
    this.#out -= size;
    this.#wake();
  }

  end() {
    this.isOver = true;
    this.#wake();
  }

  #wake() {
    this.#goOn?.();
    this.#goOn = null;
  }

  post(answer, transferred = []) {
    if (!this.isOver) port.postMessage({ run: this.id, ...answer }, transferred);
  }
}

let port = null;
let whole = null;
let current = new Run(0);

self.onmessage = ({ data }) => {
  port = data.port;
  whole = new Whole(data.hashing);
  port.onmessage = ({ data: asked }) => obey(asked);
};

function obey(asked) {
  if (asked.run > current.id) {
    current.end();
    current = new Run(asked.run);
  }
  if (asked.run < current.id) return;
  if (asked.release) current.release(asked.release);
  else if (asked.file) current.add(asked);
}

/** Post the file's chunks; the item that they make up, or null when nobody wants it any more. */
async function readItem(run, number, name, file) {
  const cut = cutter(name, file.size);
  const refs = [];
  let rest = new Uint8Array(0);
  whole.begin();
  let coming = slice(file, 0);
  for (let at = 0; at < file.size; at += BLOCK_BYTES) {
    const read = new Uint8Array(await coming);
    if (run.isOver) return null;
    if (read.length !== Math.min(BLOCK_BYTES, file.size - at)) throw new Error("it changed");
    const isLast = at + BLOCK_BYTES >= file.size;
    if (!isLast) coming = slice(file, at + BLOCK_BYTES);
    const bytes = rest.length ? concat(rest, read) : read;
    const lengths = cut(bytes, isLast);
    const cutBytes = lengths.reduce((sum, length) => sum + length, 0);
    rest = bytes.slice(cutBytes);
    const isLone = isLast && refs.length === 0 && lengths.length === 1;
    if (!isLone) await whole.update(read);
    const pieces = hashed(bytes, lengths);
    refs.push(...pieces.map(({ digest, length }) => ({ digest, length })));
    if (!pieces.length) continue;
    await run.room(cutBytes);
    run.post({ number, buffer: bytes.buffer, size: cutBytes, pieces }, [bytes.buffer]);
  }
  return {
    name,
    size: file.size,
    mtimeNs: BigInt(Math.trunc(file.lastModified)) * 1_000_000n,
    mediaType: mediaType(name),
    sha256: refs.length === 1 ? refs[0].digest : await digestOf(file),
    chunks: packRefs(refs),
  };
}

/** Nobody asks a Worker about nothing. */
function digestOf({ size }) {
  return size ? whole.digest() : sha256(new Uint8Array(0));
}

function slice(file, at) {
  const read = file.slice(at, at + BLOCK_BYTES).arrayBuffer();
  read.catch(() => {}); // it is awaited a block later
  return read;
}

function hashed(bytes, lengths) {
  let at = 0;
  return lengths.map((length) => {
    const piece = { digest: sha256(bytes.subarray(at, at + length)), at, length };
    at += length;
    return piece;
  });
}
