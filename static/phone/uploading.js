// One connection's share of a backup: everything in the catalogue gets to the station.
//
// Files are read ahead by Workers, the station is asked what it lacks, and that is sent in WebSocket
// messages filled to the brim, never more unacknowledged than the station granted.

import { Asking, Lot, keyOf } from "./asking.js";
import { CutOff } from "./errors.js";
import { Inbox } from "./inbox.js";
import { DATA_FRAME_OVERHEAD, MAX_PLAINTEXT, dataFrameHeader } from "./wire/channel.js";
import { MalformedMessage, errorFor } from "./wire/errors.js";
import { refsOf } from "./wire/manifest.js";

const TELL_MS = 500;

/** Sends what the station lacks; then takes the commit. */
export class Uploading {
  #session;
  #catalogue;
  #readers;
  #tell;
  #inbox = new Inbox();
  #asking = new Asking();
  #credit;
  #reading = new Set();
  #done;
  #told = 0;
  #isSendingPages = false;
  #scratch = new Uint8Array(MAX_PLAINTEXT);

  constructor(session, catalogue, readers, tell) {
    this.#session = session;
    this.#catalogue = catalogue;
    this.#readers = readers;
    this.#tell = tell;
    this.#credit = session.window;
    this.#done = [...catalogue.items.values()].reduce((sum, item) => sum + item.size, 0);
    readers.begin((arrival) => this.#inbox.put(arrival));
    this.#listen();
  }

  async #listen() {
    try {
      for (;;) for (const found of await this.#session.next()) this.#inbox.put(found);
    } catch (error) {
      this.#inbox.put({ error });
    }
  }

  /** The person has had enough: `error` ends the work as if it had come from the station. */
  stop(error) {
    this.#inbox.put({ error });
  }

  /** Bring every item's chunks to the station; throws what ended the connection. */
  async sendItems() {
    const { entries, items, failed } = this.#catalogue;
    for (const [number, item] of items) this.#expect(number, item);
    entries.forEach((_entry, number) => {
      if (!items.has(number) && !failed.has(number)) this.#read(number);
    });
    await this.#run();
  }

  #expect(number, item) {
    for (const { digest } of refsOf(item)) this.#asking.expect(digest, number);
  }

  /** Bring the manifest's pages, {digest, bytes} each, to the station. */
  async sendPages(pages) {
    this.#isSendingPages = true;
    for (const { digest, bytes } of pages) {
      this.#asking.offer(digest, bytes, new Lot(1, bytes.length, () => {}));
    }
    await this.#run();
  }

  /** Commit the manifest; resolves when the station says that everything is durable. */
  async commit(header, signature) {
    this.#session.noteProgress();
    this.#session.send({ type: "backup.commit", header, signature });
    for (;;) {
      const arrival = await this.#inbox.take();
      if (arrival.message?.type === "backup.stored") return arrival.message;
      this.#take(arrival);
    }
  }

  #read(number) {
    this.#reading.add(number);
    this.#readers.submit(number, this.#catalogue.entries[number]);
  }

  // The loop

  async #run() {
    this.#pump();
    while (this.#reading.size || !this.#asking.isIdle) {
      this.#take(await this.#inbox.take());
      while (!this.#inbox.isEmpty) this.#take(await this.#inbox.take());
      this.#pump();
      this.#tellProgress(false);
    }
    this.#tellProgress(true);
  }

  #take({ read, release, message, error }) {
    if (error) throw error;
    if (read) {
      this.#session.noteProgress();
      this.#takeRead(read, release);
      return;
    }
    switch (message?.type) {
      case "ack":
        this.#takeCredit(message.bytes);
        return;
      case "chunks.lack":
        this.#session.noteProgress();
        for (const number of this.#asking.answer(message)) this.#readAgain(number);
        return;
      case "error":
        throw errorFor(message.code, message.message);
      default:
        throw new MalformedMessage(`${message?.type ?? "data"} during a backup`);
    }
  }

  /** Credit that nothing sent is owed takes the work no further. */
  #takeCredit(length) {
    const credit = Math.min(this.#credit + length, this.#session.window);
    if (credit > this.#credit) this.#session.noteProgress();
    this.#credit = credit;
  }

  #takeRead({ number, buffer, size, pieces, item, problem }, release) {
    if (buffer) {
      const lot = new Lot(pieces.length, size, release);
      this.#done += size;
      for (const { digest, at, length } of pieces) {
        this.#asking.offer(digest, new Uint8Array(buffer, at, length), lot);
      }
      return;
    }
    this.#reading.delete(number);
    if (item) {
      this.#catalogue.items.set(number, item);
    } else {
      this.#catalogue.failed.add(number);
      this.#catalogue.problems.push(problem);
    }
    this.#abandon(number);
  }

  // Files that were read for an earlier connection, and of which the station lacks something

  #readAgain(number) {
    const item = this.#catalogue.items.get(number);
    if (!item) return;
    this.#catalogue.items.delete(number);
    this.#done -= item.size;
    this.#read(number);
  }

  /** What this file turned out not to contain may be in another that was read before. */
  #abandon(number) {
    const gone = this.#asking.abandon(number);
    for (const [other, item] of gone.size ? [...this.#catalogue.items] : []) {
      const keys = refsOf(item).map(({ digest }) => keyOf(digest));
      const shared = other === number ? [] : keys.filter((key) => gone.has(key));
      for (const key of shared) {
        if (gone.delete(key)) this.#asking.reassign(key, other);
      }
      if (shared.length) this.#readAgain(other);
    }
    if (this.#asking.isOverburdened) throw new CutOff("too many files changed meanwhile");
  }

  // What goes out

  #pump() {
    for (;;) {
      const question = this.#asking.nextQuestion(this.#asking.awaiting === 0);
      if (!question) break;
      this.#session.send({ type: "chunks.have", ...question });
    }
    for (;;) {
      const length = this.#nextMessage();
      if (!length) break;
      this.#session.sendFrames(this.#scratch.subarray(0, length));
    }
  }

  /** Put frames that fill one message into the scratch; 0 when it is better, or necessary, to wait. */
  #nextMessage() {
    const { ready } = this.#asking;
    let count = 0;
    let carried = 0;
    let size = 0;
    for (const { data } of ready) {
      if (size + data.length + DATA_FRAME_OVERHEAD > MAX_PLAINTEXT) break;
      size += data.length + DATA_FRAME_OVERHEAD;
      carried += data.length;
      count += 1;
    }
    if (!count || carried > this.#credit) return 0;
    if (count === ready.length && this.#isMoreComing) return 0;
    let at = 0;
    for (const { ref, data, lot } of ready.splice(0, count)) {
      const head = dataFrameHeader(ref, data.length);
      this.#scratch.set(head, at);
      this.#scratch.set(data, at + head.length);
      at += head.length + data.length;
      lot.settle();
    }
    this.#credit -= carried;
    this.#catalogue.sent += carried;
    if (!this.#isSendingPages) this.#catalogue.sentItems += carried;
    return at;
  }

  /** Whether a message that is not full should wait: something is on its way to fill it. */
  get #isMoreComing() {
    const isUnacknowledged = this.#credit < this.#session.window;
    return this.#asking.awaiting > 0 || (isUnacknowledged && this.#reading.size > 0);
  }

  #tellProgress(isLast) {
    const now = performance.now();
    if (!isLast && now - this.#told < TELL_MS) return;
    this.#told = now;
    const { total, sent, items, entries } = this.#catalogue;
    this.#tell({
      kind: "progress",
      done: Math.min(this.#done, total),
      total,
      sent,
      held: this.#asking.heldBytes,
      items: items.size,
      of: entries.length,
      isRead: this.#reading.size === 0,
    });
  }
}
