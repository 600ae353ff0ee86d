// Which chunks the station must be sent: a state machine without I/O, as phone/asking.py.
//
// Every digest is asked about once per connection. Chunks whose bytes are in hand are *offered*;
// chunks of files that were read before are *expected*, and when the station lacks one its file must
// be read again. What is to be sent comes out of `ready` in order. Digests are keyed by `keyOf`.

import { concat, hex } from "./wire/bytes.js";
import { MalformedMessage } from "./wire/errors.js";
import { HAVE_DIGESTS_MAX, MIB, OUTSTANDING_DIGESTS_MAX } from "./wire/limits.js";

const QUESTION_BYTES = 8 * MIB;
// Each kind has half of what may be outstanding, so that neither can starve the other.
const OUTSTANDING_MAX = OUTSTANDING_DIGESTS_MAX / 2;
const ABANDONED_MAX = OUTSTANDING_DIGESTS_MAX / 4;

/** What a digest is called in maps. */
export const keyOf = hex;

/** Bytes that were read together; `release(size)` is called once none of them is needed. */
export class Lot {
  constructor(pieces, size, release) {
    this.pieces = pieces;
    this.size = size;
    this.release = release;
  }

  /** One piece is needed no longer. */
  settle() {
    this.pieces -= 1;
    if (this.pieces === 0) this.release(this.size);
  }
}

/** What one connection asked the station, what it answered, and what follows from that. */
export class Asking {
  ready = []; // {ref, data, lot}, to be sent in this order
  heldBytes = 0; // of what was offered, held by the station already

  #nextRef = 0;
  #settled = new Set();
  #inHand = new Map(); // key -> {digest, data, lot}
  #owners = new Map(); // key -> number of a file that was read before
  #lacking = new Map(); // key -> reference under which it must be sent
  #lackingOf = new Map(); // number of a file -> Set of keys
  #abandoned = new Map();
  #newOffered = new Map(); // key -> digest, in the order in which they came
  #newOfferedBytes = 0;
  #newExpected = new Map();
  #questions = new Map(); // start -> keys
  #askedOffered = 0;
  #askedExpected = 0;

  /** This chunk's bytes are here; they are sent if the station lacks them. */
  offer(digest, data, lot) {
    const key = keyOf(digest);
    if (this.#settled.has(key) || this.#inHand.has(key)) {
      lot.settle();
      return;
    }
    const ref = this.#takeLacking(key);
    if (ref !== undefined) {
      this.#lackingOf.get(this.#owners.get(key))?.delete(key);
      this.#owners.delete(key);
      this.#settled.add(key);
      this.ready.push({ ref, data, lot });
      return;
    }
    this.#inHand.set(key, { data, lot });
    if (!this.#owners.has(key)) {
      this.#newOffered.set(key, digest);
      this.#newOfferedBytes += data.length;
    }
  }

  #takeLacking(key) {
    for (const waiting of [this.#lacking, this.#abandoned]) {
      const ref = waiting.get(key);
      if (ref !== undefined) {
        waiting.delete(key);
        return ref;
      }
    }
    return undefined;
  }

  /** A file that was read before, number `owner`, consists of this chunk among others. */
  expect(digest, owner) {
    const key = keyOf(digest);
    if (this.#settled.has(key) || this.#inHand.has(key) || this.#owners.has(key)) return;
    this.#owners.set(key, owner);
    this.#newExpected.set(key, digest);
  }

  /** What to ask now as {start, digests}, or null. Short questions wait for more unless `eager`. */
  nextQuestion(eager) {
    let room = OUTSTANDING_MAX - this.#askedExpected - this.#lacking.size;
    if (this.#newExpected.size && room > 0 && (eager || room >= HAVE_DIGESTS_MAX)) {
      const { question, keys } = this.#ask(this.#newExpected, room);
      this.#askedExpected += keys.length;
      return question;
    }
    room = OUTSTANDING_MAX - this.#askedOffered - this.ready.length;
    const enough =
      this.#newOfferedBytes >= QUESTION_BYTES || this.#newOffered.size >= HAVE_DIGESTS_MAX;
    if (this.#newOffered.size && room > 0 && (eager || enough)) {
      const { question, keys } = this.#ask(this.#newOffered, room);
      this.#askedOffered += keys.length;
      for (const key of keys) this.#newOfferedBytes -= this.#inHand.get(key).data.length;
      return question;
    }
    return null;
  }

  #ask(waiting, room) {
    const batch = [...waiting].slice(0, Math.min(room, HAVE_DIGESTS_MAX));
    const keys = batch.map(([key]) => key);
    for (const key of keys) waiting.delete(key);
    const start = this.#nextRef;
    this.#nextRef += keys.length;
    this.#questions.set(start, keys);
    return { question: { start, digests: concat(...batch.map(([, digest]) => digest)) }, keys };
  }

  /** How many questions are not answered yet. */
  get awaiting() {
    return this.#questions.size;
  }

  /** Take in an answer {start, refs}; returns the numbers of the files that must be read again. */
  answer({ start, refs }) {
    const keys = this.#questions.get(start);
    const lacking = new Set(refs);
    if (!keys || refs.some((ref) => ref < start || ref >= start + keys.length)) {
      throw new MalformedMessage("an answer to no question");
    }
    this.#questions.delete(start);
    const mustRead = new Set();
    keys.forEach((key, offset) => {
      const owner = this.#owners.get(key);
      if (owner === undefined) this.#askedOffered -= 1;
      else this.#askedExpected -= 1;
      const ref = lacking.has(start + offset) ? start + offset : undefined;
      if (this.#settle(key, ref) && owner !== undefined) {
        this.#lackingOfFile(owner).add(key);
        mustRead.add(owner);
      }
    });
    return mustRead;
  }

  #lackingOfFile(owner) {
    if (!this.#lackingOf.has(owner)) this.#lackingOf.set(owner, new Set());
    return this.#lackingOf.get(owner);
  }

  /** Whether the chunk must still be read before it can be sent. */
  #settle(key, lackingRef) {
    const held = this.#inHand.get(key);
    this.#inHand.delete(key);
    if (lackingRef !== undefined && !held) {
      this.#lacking.set(key, lackingRef);
      return true;
    }
    this.#owners.delete(key);
    this.#settled.add(key);
    if (held && lackingRef === undefined) {
      this.heldBytes += held.data.length;
      held.lot.settle();
    } else if (held) {
      this.ready.push({ ref: lackingRef, data: held.data, lot: held.lot });
    }
    return false;
  }

  /**
   * File `owner` was read again: what it no longer contains is not waited for. Returns the keys of
   * those digests; another file that was read before may still need them.
   */
  abandon(owner) {
    const gone = this.#lackingOf.get(owner) ?? new Set();
    this.#lackingOf.delete(owner);
    for (const key of gone) {
      this.#abandoned.set(key, this.#lacking.get(key));
      this.#lacking.delete(key);
    }
    return gone;
  }

  /** Wait for an abandoned chunk again: file `owner` has it too. */
  reassign(key, owner) {
    this.#lacking.set(key, this.#abandoned.get(key));
    this.#abandoned.delete(key);
    this.#owners.set(key, owner);
    this.#lackingOfFile(owner).add(key);
  }

  /** Whether so many announced chunks will never come that a new connection is better. */
  get isOverburdened() {
    return this.#abandoned.size > ABANDONED_MAX;
  }

  /** Whether everything offered or expected has been settled and taken. */
  get isIdle() {
    return !(
      this.ready.length ||
      this.#questions.size ||
      this.#lacking.size ||
      this.#newOffered.size ||
      this.#newExpected.size
    );
  }
}
