// Choosing files: one picker for files, one for a folder where the browser has it; a list to check.

import { announce, at, element, fill, row } from "./views.js";
import { files as counted, number, say, size } from "./words.js";

const LISTED_MAX = 50;

/** The files that a person chose, and the form that sends them. */
export class Picking {
  // In the order of choosing. One that is chosen twice stays twice: other folders have other files of
  // the same name, size and time, and a browser does not tell them apart.
  #chosen = new Set();
  #free = Infinity;

  /** `send(files, label)` is called when the person has chosen. */
  constructor(send) {
    this.form = at("[data-send]");
    at("[data-folder]").hidden = !("webkitdirectory" in HTMLInputElement.prototype);
    for (const input of document.querySelectorAll("[data-pick]")) {
      input.addEventListener("change", () => this.#add(input));
    }
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#chosen.size) send([...this.#chosen], this.form.elements.label.value.trim());
    });
    for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => this.#drop(event));
  }

  /** How many bytes the station has room for. */
  set free(bytes) {
    this.#free = bytes;
    this.#draw();
  }

  #add(input) {
    for (const file of input.files) this.#chosen.add(file);
    input.value = ""; // so that the same file can be chosen again after it was removed
    this.#draw();
  }

  #drop(event) {
    if (document.body.dataset.shown !== "choose" || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    if (event.type === "dragover") return;
    for (const file of event.dataTransfer.files) this.#chosen.add(file);
    this.#draw();
  }

  #draw() {
    const total = [...this.#chosen].reduce((sum, file) => sum + file.size, 0);
    const summary = say("send", { files: counted(this.#chosen.size), size: size(total) });
    this.form.hidden = this.#chosen.size === 0;
    fill("send-button", summary);
    at("[data-too-much]").hidden = total <= this.#free;
    const lines = [...this.#chosen].slice(0, LISTED_MAX).map((file) => this.#line(file));
    const more = this.#chosen.size - LISTED_MAX;
    if (more > 0) lines.push(row(say("more.files", { count: number(more) }), ""));
    at("[data-picked]").replaceChildren(...lines);
    if (this.#chosen.size) announce(summary);
  }

  #line(file) {
    const remove = element("button", { type: "button", className: "quiet", textContent: "✕" });
    remove.setAttribute("aria-label", say("remove", { name: file.name }));
    remove.addEventListener("click", () => {
      this.#chosen.delete(file);
      this.#draw();
    });
    return row(file.webkitRelativePath || file.name, size(file.size), remove);
  }
}
