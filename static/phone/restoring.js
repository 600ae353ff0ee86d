// Choosing what to restore: the list of snapshots, then the folders and files of one.

import { at, element, fill, row } from "./views.js";
import { files as counted, say, size, when } from "./words.js";

const LARGE_BYTES = 500_000_000;
const ID_CHARS = 8;

/** The views "snapshots" and "contents". */
export class Choosing {
  #actions;
  #page = 0;
  #items = [];
  #snapshotId = "";

  /** `actions` has list(page), contents(snapshotId) and restore(snapshotId, numbers). */
  constructor(actions) {
    this.#actions = actions;
    at("[data-more]").addEventListener("click", () => actions.list(this.#page + 1));
    at("[data-back]").addEventListener("click", () => actions.list(0));
    const form = at("[data-restore]");
    form.addEventListener("change", (event) => this.#tick(event.target));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = this.#chosen().map(({ number }) => number);
      if (chosen.length) actions.restore(this.#snapshotId, chosen);
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
    const below = say("snapshot.line", { files: counted(items), size: size(bytes), when: when(stored) });
    const button = element("button", { type: "button", className: "id", textContent: snapshotId.slice(0, ID_CHARS) });
    button.addEventListener("click", () => this.#actions.contents(snapshotId));
    const line = row(label || source || say("untitled"), below, button);
    line.addEventListener("click", (event) => event.target === button || button.click());
    return line;
  }

  /** The files of one snapshot, all of them ticked. */
  contents({ snapshotId, label, items }) {
    this.#snapshotId = snapshotId;
    this.#items = items;
    fill("contents-id", snapshotId.slice(0, ID_CHARS));
    fill("contents-label", label || say("untitled"));
    at("[data-all]").checked = true;
    at("[data-tree]").replaceChildren(...this.#folders());
    this.#sum();
  }

  /** One group a folder; a long one can be folded. */
  *#folders() {
    const groups = new Map();
    for (const item of this.#items) {
      const folder = item.name.includes("/") ? item.name.slice(0, item.name.lastIndexOf("/")) : "";
      if (!groups.has(folder)) groups.set(folder, []);
      groups.get(folder).push(item);
    }
    for (const [folder, items] of groups) {
      const lines = items.map((item) => check(nameIn(folder, item.name), size(item.size), "item", item.number));
      if (!folder) {
        yield element("div", { className: "files" }, ...lines);
        continue;
      }
      const total = items.reduce((sum, item) => sum + item.size, 0);
      const head = check(folder, `${counted(items.length)}, ${size(total)}`, "folder", folder);
      const inner = element("details", {}, element("summary", { textContent: counted(items.length) }), ...lines);
      yield element("div", { className: "folder" }, head, inner);
    }
  }

  #tick(box) {
    if (box.dataset.all !== undefined) this.#set(at("[data-tree]"), box.checked);
    else if (box.dataset.kind === "folder") this.#set(box.closest(".folder"), box.checked);
    for (const folder of document.querySelectorAll(".folder")) {
      reflect(at('[data-kind="folder"]', folder), folder.querySelectorAll('[data-kind="item"]'));
    }
    reflect(at("[data-all]"), at("[data-tree]").querySelectorAll('[data-kind="item"]'));
    this.#sum();
  }

  #set(root, checked) {
    for (const box of root.querySelectorAll("input")) box.checked = checked;
  }

  #chosen() {
    const boxes = at("[data-tree]").querySelectorAll('[data-kind="item"]:checked');
    const numbers = new Set([...boxes].map((box) => Number(box.value)));
    return this.#items.filter(({ number }) => numbers.has(number));
  }

  #sum() {
    const chosen = this.#chosen();
    const total = chosen.reduce((sum, item) => sum + item.size, 0);
    fill("restore-button", say("restore", { files: counted(chosen.length), size: size(total) }));
    at("[data-restore-button]").disabled = chosen.length === 0;
    at("[data-large]").hidden = total <= LARGE_BYTES;
  }
}

function nameIn(folder, name) {
  return folder ? name.slice(folder.length + 1) : name;
}

function check(text, below, kind, value) {
  const box = element("input", { type: "checkbox", checked: true, value });
  box.dataset.kind = kind;
  const label = element("span", {}, text, element("small", { textContent: below }));
  return element("label", { className: "check" }, box, label);
}

/** A box for many is ticked when all are, and undecided when some are. */
function reflect(box, boxes) {
  const ticked = [...boxes].filter((one) => one.checked).length;
  box.checked = ticked === boxes.length;
  box.indeterminate = ticked > 0 && ticked < boxes.length;
}
