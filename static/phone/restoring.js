// Choosing what to restore: the list of snapshots, then the folders and files of one.

import { at, element, fill, row } from "./views.js";
import { files as counted, number, say, shortId, size, when } from "./words.js";

const LARGE_BYTES = 500_000_000;
const LINES_MAX = 500; // of one folder; what lies beyond follows the folder's own tick
const OPEN_MAX = 30;

/** The views "snapshots" and "contents". */
export class Choosing {
  #actions;
  #page = 0;
  #snapshotId = "";
  #items = [];
  #chosen = new Set(); // numbers

  /** `actions` has list(page), contents(snapshotId) and restore(snapshotId, numbers). */
  constructor(actions) {
    this.#actions = actions;
    at("[data-more]").addEventListener("click", () => actions.list(this.#page + 1));
    for (const button of document.querySelectorAll("[data-back]")) {
      button.addEventListener("click", () => actions.list(0));
    }
    at("[data-all]").addEventListener("change", ({ target }) =>
      this.#set(this.#items, target.checked),
    );
    at("[data-restore]").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#chosen.size) actions.restore(this.#snapshotId, [...this.#chosen]);
    });
  }

  /** One page of snapshots, added to the ones before. */
  listed({ page, pages, snapshots }) {
    this.#page = page;
    const lines = snapshots.map((snapshot) => this.#line(snapshot));
    const list = at("[data-snapshots]");
    if (page === 0) list.replaceChildren(...lines);
    else list.append(...lines);
    at("[data-more]").hidden = page + 1 >= pages;
    at("[data-no-snapshots]").hidden = page > 0 || snapshots.length > 0;
  }

  #line({ snapshotId, label, source, items, bytes, stored }) {
    const below = say("snapshot.line", {
      files: counted(items),
      size: size(bytes),
      when: when(stored),
    });
    const textContent = shortId(snapshotId);
    const button = element("button", { type: "button", className: "id", textContent });
    button.addEventListener("click", () => this.#actions.contents(snapshotId));
    const line = row(label || source || say("untitled"), below, button);
    line.addEventListener("click", (event) => event.target === button || button.click());
    return line;
  }

  /** The files of one snapshot, all of them ticked. */
  contents({ snapshotId, label, source, items }) {
    this.#snapshotId = snapshotId;
    this.#items = items;
    this.#chosen = new Set(items.map(({ number }) => number));
    fill("contents-id", shortId(snapshotId));
    fill("contents-label", label || source || say("untitled"));
    const folders = [...byFolder(items)];
    at("[data-tree]").replaceChildren(...folders.map((one) => this.#folder(one, folders.length)));
    this.#reflect();
  }

  /** One group a folder; its files are listed once it is opened. */
  #folder([folder, items], count) {
    const list = () => this.#lines(folder, items);
    if (!folder && items.length <= LINES_MAX)
      return element("div", { className: "files" }, ...list());
    const total = items.reduce((sum, item) => sum + item.size, 0);
    const below = `${counted(items.length)}, ${size(total)}`;
    const head = this.#check(folder || say("untitled.folder"), below, "folder", items);
    const inner = element(
      "details",
      {},
      element("summary", { textContent: counted(items.length) }),
    );
    inner.addEventListener("toggle", () => {
      if (inner.childElementCount > 1) return;
      inner.append(...list());
      this.#reflect();
    });
    inner.open = count === 1 && items.length <= OPEN_MAX;
    return element("div", { className: "folder" }, head, inner);
  }

  #lines(folder, items) {
    const shown = items.slice(0, LINES_MAX);
    const lines = shown.map((item) =>
      this.#check(item.name.slice(folder ? folder.length + 1 : 0), size(item.size), "item", [item]),
    );
    const more = items.length - shown.length;
    const rest = { className: "fine", textContent: say("more.files", { count: number(more) }) };
    return more > 0 ? [...lines, element("p", rest)] : lines;
  }

  #check(text, below, kind, items) {
    const box = element("input", { type: "checkbox" });
    box.dataset.kind = kind;
    box.reflect = () => this.#show(box, items);
    box.addEventListener("change", () => this.#set(items, box.checked));
    const label = element("span", {}, text, element("small", { textContent: below }));
    return element("label", { className: "check" }, box, label);
  }

  #set(items, isChosen) {
    for (const one of items) {
      if (isChosen) this.#chosen.add(one.number);
      else this.#chosen.delete(one.number);
    }
    this.#reflect();
  }

  /** A box for many is ticked when all are, and undecided when some are. */
  #show(box, items) {
    const ticked = items.filter(({ number: one }) => this.#chosen.has(one)).length;
    box.checked = ticked === items.length;
    box.indeterminate = ticked > 0 && ticked < items.length;
  }

  #reflect() {
    for (const box of at("[data-tree]").querySelectorAll("input")) box.reflect();
    this.#show(at("[data-all]"), this.#items);
    const chosen = this.#items.filter(({ number: one }) => this.#chosen.has(one));
    const total = chosen.reduce((sum, item) => sum + item.size, 0);
    fill("restore-button", say("restore", { files: counted(chosen.length), size: size(total) }));
    at("[data-restore-button]").disabled = chosen.length === 0;
    at("[data-large]").hidden = total <= LARGE_BYTES;
  }
}

function byFolder(items) {
  const groups = new Map();
  for (const item of items) {
    const folder = item.name.slice(0, Math.max(0, item.name.lastIndexOf("/")));
    if (!groups.has(folder)) groups.set(folder, []);
    groups.get(folder).push(item);
  }
  return groups;
}
