// One connection's share of a restore: chunks are asked for ahead and arrive in order. Credit is
// granted as they are used up, so what waits in memory is bounded by the window.

import { MalformedMessage, errorFor } from "./wire/errors.js";
import { MIB } from "./wire/limits.js";

const DAMAGED = 4510;
const REQUEST_BYTES = 8 * MIB;
const REQUEST_WANTS = 512;
const REQUESTS_AHEAD = 3;

/** Reads what was asked for, on an open session. */
export class Fetching {
  #session;
  #waiting = [];
  #nextRef = 0;

  constructor(session) {
    this.#session = session;
  }

  /** The next chunk {ref, chunk} or {ref, why} or {message} that concerns the caller. */
  async #next() {
    if (!this.#waiting.length) this.#waiting = await this.#session.next();
    const first = this.#waiting.shift();
    if (first.message?.type !== "error") return first;
    const { code, message, ref } = first.message;
    if (code !== DAMAGED || ref === null) throw errorFor(code, message);
    return { ref, why: message };
  }

  /** The chunk with this reference, which must come now: its bytes, or null with a reason. */
  async #take(ref, { length }) {
    const arrived = await this.#next();
    if (arrived.ref !== ref) throw new MalformedMessage("something else than was asked for");
    this.#session.noteProgress();
    this.#session.grant(length);
    return { chunk: arrived.chunk ?? null, why: arrived.why ?? "" };
  }

  /** One page (from 0) of this account's snapshots: {page, pages, snapshots}. */
  listing(page) {
    return this.#ask({ type: "snapshots.list", page }, "snapshots.page");
  }

  /** The signed header and receipt of a snapshot; its pages follow, see {@link page}. */
  manifest(snapshotId, selection) {
    return this.#ask({ type: "snapshot.get", snapshotId, selection }, "snapshot.manifest");
  }

  async #ask(message, type) {
    this.#session.noteProgress();
    this.#session.send(message);
    const answer = await this.#next();
    if (answer.message?.type !== type) throw new MalformedMessage(`no ${type}`);
    return answer.message;
  }

  /** The next page, which must be this one. */
  page(number, expected) {
    return this.#take(number, expected);
  }

  /** Every wanted chunk in order, asked for a few requests ahead: {chunk, why}. */
  async *chunks(snapshotId, wanted) {
    const requests = requestsFor(wanted);
    const underWay = [];
    for (;;) {
      while (underWay.length < REQUESTS_AHEAD) {
        const { value, done } = requests.next();
        if (done) break;
        underWay.push(this.#request(snapshotId, value));
      }
      if (!underWay.length) return;
      const { start, refs } = underWay.shift();
      for (const [offset, expected] of refs.entries()) yield this.#take(start + offset, expected);
    }
  }

  #request(snapshotId, { wants, refs }) {
    const start = this.#nextRef;
    this.#nextRef += refs.length;
    this.#session.noteProgress();
    this.#session.send({ type: "chunks.get", snapshotId, start, wants });
    return { start, refs };
  }
}

/** Requests {wants, refs} of limited size for {number, first, refs} in order. */
function* requestsFor(wanted) {
  let request = { wants: [], refs: [], bytes: 0 };
  for (const { number, first, refs } of wanted) {
    let at = 0;
    while (at < refs.length) {
      const from = at;
      while (at < refs.length && request.bytes < REQUEST_BYTES) {
        request.bytes += refs[at].length;
        request.refs.push(refs[at]);
        at += 1;
      }
      request.wants.push({ item: number, first: first + from, count: at - from });
      if (request.bytes >= REQUEST_BYTES || request.wants.length >= REQUEST_WANTS) {
        yield request;
        request = { wants: [], refs: [], bytes: 0 };
      }
    }
  }
  if (request.wants.length) yield request;
}
