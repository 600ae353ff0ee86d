// What was restored becomes files: one download each, or all as one zip.

import * as database from "./database.js";
import { at, element, fill, row } from "./views.js";
import { files as counted, number, say, size } from "./words.js";
import { fitsZip, zipParts } from "./zip.js";

const REVOKE_MS = 60_000;
const LISTED_MAX = 500;

/** The view "restored". */
export class Saving {
  #restored = null;

  constructor() {
    at("[data-save-all]").addEventListener("click", () => this.#saveAll());
    at("[data-finish]").addEventListener("click", () => this.#finish());
  }

  show(restored) {
    this.#restored = restored;
    const { items, failures, bytes } = restored;
    const summary = `${counted(items.length)}, ${size(bytes)}. `;
    fill("restored-line", summary + (items.length ? say("restored.all") : ""));
    at("[data-save-all]").hidden = items.length < 2 || !fitsZip(items.length, bytes);
    const lines = items.slice(0, LISTED_MAX).map((item) => this.#line(item));
    at("[data-restored-list]").replaceChildren(...lines, ...andMore(items));
    at("[data-restored-failed]").hidden = failures.length === 0;
    fill("failed-title", say("restored.failed"));
    const failed = failures.slice(0, LISTED_MAX).map(({ name, why }) => row(name, why));
    at("[data-failed-list]").replaceChildren(...failed, ...andMore(failures));
  }

  #line(item) {
    const button = element("button", { type: "button", className: "secondary small", textContent: say("save") });
    button.addEventListener("click", async () => {
      download(await this.#blobOf(item), item.name.slice(item.name.lastIndexOf("/") + 1));
      button.textContent = say("saved");
    });
    return row(item.name, size(item.size), button);
  }

  /** The parts are Blobs, which stay on disk: joined they are one. */
  async #blobOf({ number, mediaType }) {
    const parts = await database.allUnder("parts", this.#restored.restoreId, number);
    return new Blob(parts, { type: mediaType });
  }

  async #saveAll() {
    const { items, snapshotId } = this.#restored;
    const entries = [];
    for (const item of items) entries.push({ ...item, blob: await this.#blobOf(item) });
    const zip = new Blob(zipParts(entries), { type: "application/zip" });
    download(zip, `snapshot-${snapshotId.slice(0, 8)}.zip`);
  }

  async #finish() {
    await database.removeUnder("parts", this.#restored.restoreId);
    location.hash = "";
    location.reload();
  }
}

function andMore({ length }) {
  const more = length - LISTED_MAX;
  return more > 0 ? [row(say("more.files", { count: number(more) }))] : [];
}

function download(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_MS);
}
