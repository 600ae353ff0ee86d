// Choosing files: one picker for files, one for a folder where the browser has it; a list to check.

import { announce, at, element, fill, list, row } from "./views.js";
import { files as counted, say, size } from "./words.js";

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
      if (this.#chosen.size) send([...this.#chosen], labelIn(this.form));
    });
    for (const kind of ["dragover", "drop"])
      document.addEventListener(kind, (event) => this.#drop(event));
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
    if (document.body.dataset.shown !== "choose" || !event.dataTransfer?.types.includes("Files"))
      return;
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
    list("picked", [...this.#chosen], (file) => this.#line(file), LISTED_MAX);
    if (this.#chosen.size) announce(summary);
  }

  #line(file) {
    const remove = element("button", { type: "button", className: "quiet", textContent: "✕" });
    remove.setAttribute("aria-label", say("remove", { name: file.name }));
    remove.addEventListener("click", () => {
      const place = [...at("[data-picked]").querySelectorAll("button")].indexOf(remove);
      this.#chosen.delete(file);
      this.#draw();
      const buttons = at("[data-picked]").querySelectorAll("button");
      (buttons[Math.min(place, buttons.length - 1)] ?? at("[data-pick]")).focus();
    });
    return row(file.webkitRelativePath || file.name, size(file.size), remove);
  }
}

/** A label is one line: what keyboards and clipboards bring along besides becomes a space. */
function labelIn(form) {
  return form.elements.label.value.replace(/\p{Cc}+/gu, " ").trim();
}
