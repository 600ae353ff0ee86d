// What was restored becomes files: one download each, or all as one zip.

import * as database from "./database.js";
import { NoRoom, told } from "./errors.js";
import { at, element, fill, list, row } from "./views.js";
import { files as counted, say, shortId, size } from "./words.js";
import { fitsZip, zipParts } from "./zip.js";

const REVOKE_MS = 60_000;

/** The view "restored". */
export class Saving {
  #restored = null;
  #unsaved = new Set(); // numbers
  #failed;
  #done;

  /** `failed(told)` hears what goes wrong; `done()` is called when the person has all of it. */
  constructor({ failed, done }) {
    this.#failed = failed;
    this.#done = done;
    at("[data-save-all]").addEventListener("click", () => this.#attempt(() => this.#saveAll()));
    at("[data-finish]").addEventListener("click", () => this.#attempt(() => this.#finish()));
  }

  show(restored) {
    this.#restored = restored;
    this.#unsaved = new Set(restored.items.map(({ number: item }) => item));
    const { items, failures, bytes } = restored;
    const values = { files: counted(items.length), size: size(bytes) };
    fill("restored-line", items.length ? say("restored.all", values) : "");
    at("[data-save-all]").textContent = say("save.all");
    at("[data-save-all]").hidden = items.length < 2 || !fitsZip(items.length, bytes);
    list("restored-list", items, (item) => this.#line(item));
    at("[data-restored-failed]").hidden = failures.length === 0;
    fill("failed-title", say("restored.failed"));
    list("failed-list", failures, ({ name, why }) => row(name, say(`failed.${why}`)));
  }

  #line(item) {
    const button = element("button", {
      type: "button",
      className: "secondary small",
      textContent: say("save"),
    });
    button.addEventListener("click", () =>
      this.#attempt(async () => {
        download(await this.#blobOf(item), item.name.slice(item.name.lastIndexOf("/") + 1));
        button.textContent = say("saved");
        this.#unsaved.delete(item.number);
      }),
    );
    return row(item.name, size(item.size), button);
  }

  /** Whether something was restored that no button has saved yet. */
  get isUnsaved() {
    return this.#unsaved.size > 0;
  }

  async #attempt(work) {
    try {
      await work();
    } catch (error) {
      this.#failed({ of: "save", ...told(error) });
    }
  }

  /**
   * The parts are Blobs, which stay on disk: joined they are one. A browser may have thrown them away
   * to make room. Never of the item's own type: a browser that shows it instead of saving it would
   * run what is in it beside the phone's key.
   */
  async #blobOf({ number: item, size: bytes }) {
    const parts = await database.allUnder("parts", this.#restored.restoreId, item);
    const blob = new Blob(parts, { type: "application/octet-stream" });
    if (blob.size !== bytes) throw new NoRoom("the browser has dropped what was restored");
    return blob;
  }

  async #saveAll() {
    const { items, snapshotId } = this.#restored;
    const entries = [];
    for (const item of items) entries.push({ ...item, blob: await this.#blobOf(item) });
    const zip = new Blob(zipParts(entries), { type: "application/zip" });
    download(zip, `snapshot-${shortId(snapshotId)}.zip`);
    at("[data-save-all]").textContent = say("saved");
    this.#unsaved.clear();
  }

  async #finish() {
    await database.removeUnder("parts", this.#restored.restoreId);
    this.#unsaved.clear();
    this.#done();
  }
}

function download(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_MS);
}
