// Backing up (patent claim 1): from chosen files to a receipt.
//
// The snapshot's id is drawn before anything is sent. A lost connection is resumed under the same
// id; what has arrived is not sent again.

import { sha256 } from "../vendor/noble.js";
import { CutOff, NothingToDo } from "./errors.js";
import { Uploading } from "./uploading.js";
import { utf8 } from "./wire/bytes.js";
import { ManifestRefused } from "./wire/errors.js";
import { KIB, PAGE_BYTES_MAX, SNAPSHOT_ID_BYTES } from "./wire/limits.js";
import * as manifest from "./wire/manifest.js";

// A page may end after an item whose name says so, from this size on: an insertion shifts one page.
const PAGE_BYTES_MIN = 256 * KIB;
const PAGE_END_ODDS = 64;
const REFUSALS_MAX = 2;

/** A new snapshot's id, in text. */
export function drawSnapshotId() {
  return manifest.snapshotIdText(crypto.getRandomValues(new Uint8Array(SNAPSHOT_ID_BYTES)));
}

/** What one connection says first: the data carries its ID from the start. */
export async function begin(session, { snapshotId, source, label = "", items = 0, bytes = 0 }) {
  const message = { type: "backup.begin", snapshotId, source, label, items, bytes };
  session.takeFollowUp((await session.ask(message, "backup.ready")).invitation);
}

/** One backup, over as many connections as it takes. */
export class Backup {
  #identity;
  #readers;
  #tell;
  #began = performance.now();
  #created = Math.floor(Date.now() / 1000);
  #refusals = 0;
  #uploading = null;

  constructor({ entries, problems }, { snapshotId, source, label }, identity, readers, tell) {
    this.snapshotId = snapshotId;
    this.source = source;
    this.label = label;
    this.#identity = identity;
    this.#readers = readers;
    this.#tell = tell;
    this.catalogue = {
      entries,
      items: new Map(), // number of an entry -> item
      failed: new Set(),
      problems: [...problems],
      total: entries.reduce((sum, { file }) => sum + file.size, 0),
      sent: 0,
      sentItems: 0,
    };
  }

  /** End the work with this error. */
  stop(error) {
    this.#uploading?.stop(error);
  }

  /** Go on with the backup on this session, and end it; what was stored. */
  async run(session) {
    const { entries, total, items } = this.catalogue;
    await begin(session, { ...this, items: entries.length, bytes: total });
    const uploading = new Uploading(session, this.catalogue, this.#readers, this.#tell);
    this.#uploading = uploading;
    await uploading.sendItems();
    if (!items.size)
      throw new NothingToDo("none of the files could be read", this.catalogue.problems);
    const pages = [...pagesOf(sorted(items))];
    await uploading.sendPages(pages);
    const header = manifest.encodeHeader(this.#header(pages));
    const signature = manifest.signHeader(this.#identity.key.seed, header);
    const stored = await this.#commit(uploading, header, signature);
    manifest.checkReceipt(stored.receipt, header, session.stationKey);
    await session.farewell();
    return this.#result(stored);
  }

  /** Refused at first, it may be for bytes that the station lost: it is asked again. */
  async #commit(uploading, header, signature) {
    try {
      return await uploading.commit(header, signature);
    } catch (error) {
      this.#refusals += 1;
      if (!(error instanceof ManifestRefused) || this.#refusals > REFUSALS_MAX) throw error;
      throw new CutOff(`the station did not take the backup: ${error.message}`);
    }
  }

  #header(pages) {
    const items = [...this.catalogue.items.values()];
    const { iss, sub } = this.#identity.enrolment;
    return {
      format: manifest.HEADER_FORMAT,
      iss,
      sub,
      snapshotId: this.snapshotId,
      source: this.source,
      label: this.label,
      created: this.#created,
      items: items.length,
      bytes: items.reduce((sum, item) => sum + item.size, 0),
      chunks: items.reduce((sum, item) => sum + manifest.chunkCount(item), 0),
      pages: pages.map(({ digest, bytes, items: count }) => ({
        digest,
        length: bytes.length,
        items: count,
      })),
      phoneKey: this.#identity.key.public,
    };
  }

  #result(stored) {
    const { items, sentItems, problems } = this.catalogue;
    const bytes = [...items.values()].reduce((sum, item) => sum + item.size, 0);
    return {
      kind: "stored",
      snapshotId: this.snapshotId,
      items: items.size,
      bytes,
      sent: Math.min(sentItems, bytes),
      held: Math.max(0, bytes - sentItems),
      seconds: (performance.now() - this.#began) / 1000,
      receipt: stored.receipt,
      problems,
    };
  }
}

/** Items in the order of their entries, which is that of their names. */
function sorted(items) {
  return [...items.keys()].sort((one, other) => one - other).map((number) => items.get(number));
}

/** Manifest pages {digest, bytes, items}. */
function* pagesOf(items) {
  let page = [];
  let size = 0;
  for (const item of items) {
    const length = manifest.encodeItem(item).length + 1;
    if (page.length && size + length + 2 > PAGE_BYTES_MAX) {
      yield pageOf(page);
      [page, size] = [[], 0];
    }
    page.push(item);
    size += length;
    if (size >= PAGE_BYTES_MIN && endsPage(item)) {
      yield pageOf(page);
      [page, size] = [[], 0];
    }
  }
  if (page.length) yield pageOf(page);
}

function endsPage({ name }) {
  return sha256(utf8(name))[0] % PAGE_END_ODDS === 0;
}

function pageOf(items) {
  const bytes = manifest.encodePage(items);
  return { digest: sha256(bytes), bytes, items: items.length };
}
