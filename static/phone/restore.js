// Restoring by a snapshot's id, whole or in part (patent claim 5): every chunk and every item is
// checked against the signed manifest, and gathers in this browser until the person saves it. What
// could not be restored is told with "damaged" (on the station), "wrong" (another hash) or "room".

import { sha256 } from "../vendor/noble.js";
import { crc32 } from "./crc.js";
import * as database from "./database.js";
import { NoRoom } from "./errors.js";
import { Fetching } from "./fetching.js";
import { concat, equal } from "./wire/bytes.js";
import { MIB } from "./wire/limits.js";
import { refsOf } from "./wire/manifest.js";

const PART_BYTES = 4 * MIB;
const TELL_MS = 500;

/** One item on its way into the database: parts, each a Blob, which a browser keeps on disk. */
class Arriving {
  #key;
  #parts = 0;
  #waiting = [];
  #waitingBytes = 0;
  #whole = sha256.create();

  constructor(restoreId, number, item) {
    this.#key = [restoreId, number];
    this.item = item;
    this.refs = refsOf(item);
    this.taken = 0; // chunks
    this.crc = 0;
    this.failure = "";
  }

  async take({ chunk }) {
    const { digest } = this.refs[this.taken];
    this.taken += 1;
    if (this.failure) return;
    if (!chunk) return this.#fail("damaged");
    if (!equal(sha256(chunk), digest)) return this.#fail("wrong");
    if (this.refs.length > 1) this.#whole.update(chunk);
    this.crc = crc32(chunk, this.crc);
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= PART_BYTES) await this.#keep();
  }

  async #fail(why) {
    this.failure = why;
    this.#waiting = [];
    await database.removeUnder("parts", ...this.#key);
  }

  /** Without room for this item the next may still fit. */
  async #keep() {
    const part = new Blob([concat(...this.#waiting)]);
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      await database.put("parts", [...this.#key, this.#parts], part);
      this.#parts += 1;
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error;
      await this.#fail("room");
    }
  }

  async finish() {
    if (this.failure) return;
    const { refs, item } = this;
    const digest = refs.length === 1 ? refs[0].digest : this.#whole.digest();
    if (!equal(digest, item.sha256)) {
      await this.#fail("wrong");
    } else if (this.#waiting.length) {
      await this.#keep();
    }
  }
}

/** One restore, over as many connections as it takes. */
export class Restore {
  #chosen; // {number, item} that are still to come
  #tell;
  #current = null;
  #stopped = null;
  #told = 0;
  #began = performance.now();

  constructor(snapshotId, chosen, tell) {
    this.restoreId = `${snapshotId}/${Date.now()}`;
    this.snapshotId = snapshotId;
    this.#chosen = [...chosen];
    this.#tell = tell;
    this.total = chosen.reduce((sum, { item }) => sum + item.size, 0);
    this.count = chosen.length;
    this.done = 0;
    this.verified = [];
    this.failures = [];
  }

  /** End the work with this error. */
  stop(error) {
    this.#stopped = error;
  }

  /** Go on with the restore on this session, and end it; what was restored. */
  async run(session) {
    const pieces = new Fetching(session).chunks(this.snapshotId, this.#wanted());
    while (this.#chosen.length) {
      const { number, item } = this.#chosen[0];
      this.#current ??= new Arriving(this.restoreId, number, item);
      await this.#deliver(this.#current, pieces);
      this.#note(number, this.#current);
      this.#chosen.shift();
      this.#current = null;
    }
    this.#tellProgress(true);
    const [verified, failed] = [this.verified.length, this.failures.length];
    session.send({ type: "restore.done", snapshotId: this.snapshotId, verified, failed });
    await session.farewell();
    return this.#result();
  }

  /** Forget what has arrived: the restore failed, or was stopped. */
  async forget() {
    await database.removeUnder("parts", this.restoreId).catch(() => {});
  }

  /** What is still to come, from the middle of an item if need be. */
  *#wanted() {
    let first = this.#current?.taken ?? 0;
    for (const { number, item } of [...this.#chosen]) {
      const refs = refsOf(item).slice(first);
      if (refs.length) yield { number, first, refs };
      first = 0;
    }
  }

  async #deliver(arriving, pieces) {
    while (arriving.taken < arriving.refs.length) {
      const { value } = await pieces.next();
      this.done += arriving.refs[arriving.taken].length;
      if (this.#stopped) throw this.#stopped;
      await arriving.take(value);
      this.#tellProgress(false);
    }
    await arriving.finish();
  }

  #note(number, { item, crc, failure }) {
    if (failure) this.failures.push({ name: item.name, why: failure });
    else this.verified.push({ number, name: item.name, size: item.size, crc, ...typed(item) });
  }

  #tellProgress(isLast) {
    const now = performance.now();
    if (!isLast && now - this.#told < TELL_MS) return;
    this.#told = now;
    const [items, of] = [this.verified.length, this.count];
    this.#tell({ kind: "progress", done: this.done, total: this.total, items, of });
  }

  #result() {
    return {
      kind: "restored",
      restoreId: this.restoreId,
      snapshotId: this.snapshotId,
      items: this.verified,
      failures: this.failures,
      bytes: this.verified.reduce((sum, { size }) => sum + size, 0),
      seconds: (performance.now() - this.#began) / 1000,
    };
  }
}

function typed({ mediaType, mtimeNs }) {
  return { mediaType, modifiedMs: Number(mtimeNs / 1_000_000n) };
}

/** Forget the parts of all restores but those that were begun within the last day. */
export async function forgetOld() {
  const yesterday = Date.now() - 24 * 60 * 60 * 1000;
  const restores = new Set((await database.keysUnder("parts")).map(([restoreId]) => restoreId));
  for (const restoreId of restores) {
    if (Number(restoreId.split("/")[1]) < yesterday) await database.removeUnder("parts", restoreId);
  }
}
