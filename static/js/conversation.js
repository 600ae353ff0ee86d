// A conversation that goes on by itself: pages come as they are scrolled to, and far ones go.

import { replaceBrokenPictures } from "./pictures.js";

const PAGES_HELD = 6;
const AHEAD_PIXELS = 1200;
const SAID_MS = 2500;
const SAVE_MS = 400;

/** Below every id; as text, because a number of JavaScript would round it. */
const BEGINNING = "-9223372036854775806";

class Conversation {
  constructor(root) {
    this.root = root;
    this.key = `place:${root.dataset.messages}`;
    this.newest = document.querySelector("[data-newest]");
    this.say = document.querySelector("[data-say]");
    this.busy = false;
    this.failedAt = 0;
  }

  async open() {
    replaceBrokenPictures(this.root);
    if (!location.search && location.hash.length < 2) await this.returnToPlace();
    else this.show(this.root.querySelector("[data-focus]") ?? this.end());
    if (!location.search && !this.at) this.show(this.end(), "end");
    addEventListener("scroll", () => this.scrolled(), { passive: true });
    addEventListener("resize", () => this.scrolled(), { passive: true });
    document.addEventListener("keydown", (event) => this.pressed(event));
    this.root.addEventListener("click", (event) => this.clicked(event));
    this.newest?.addEventListener("click", () => this.forget());
    this.scrolled();
    this.root.dataset.ready = "";
  }

  end() {
    return this.root.querySelector("[data-end]");
  }

  pages() {
    return [...this.root.querySelectorAll("[data-page]")];
  }

  messages() {
    return [...this.root.querySelectorAll(".message")];
  }

  show(element, block = "center") {
    if (!element) return;
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: element.dataset.end === undefined ? block : "end" });
  }

  // Places

  async returnToPlace() {
    this.at = this.remembered();
    if (!this.at) return;
    const fetched = await this.fetch(`?at=${encodeURIComponent(this.at)}`);
    const message = fetched?.querySelector(`[data-at="${CSS.escape(this.at)}"]`);
    if (!message) {
      this.at = "";
      return;
    }
    message.classList.remove("named");
    this.root.replaceChildren(fetched);
    this.show(message, "start");
  }

  remembered() {
    try {
      return localStorage.getItem(this.key) ?? "";
    } catch {
      return ""; // no storage here: the conversation opens at its end
    }
  }

  remember() {
    try {
      if (this.isAtEnd()) localStorage.removeItem(this.key);
      else localStorage.setItem(this.key, this.topmost()?.dataset.at ?? "");
    } catch {
      // The same.
    }
  }

  forget() {
    try {
      localStorage.removeItem(this.key);
    } catch {
      // The same.
    }
  }

  topmost() {
    const top = this.headBottom();
    return this.messages().find((message) => message.getBoundingClientRect().bottom > top + 8);
  }

  headBottom() {
    return document.querySelector(".chat-head").getBoundingClientRect().bottom;
  }

  isAtEnd() {
    const end = this.end();
    return Boolean(end) && end.getBoundingClientRect().top < innerHeight + 80;
  }

  // Pages

  scrolled() {
    this.newest.hidden = this.isAtEnd();
    this.showDays();
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.remember(), SAVE_MS);
    this.turn();
  }

  async turn() {
    if (this.busy || Date.now() - this.failedAt < SAID_MS) return;
    const side = this.wanted();
    if (!side) return;
    this.busy = true;
    const pages = this.pages();
    const page = side === "older" ? pages[0] : pages.at(-1);
    const query = side === "older" ? `?before=${page.dataset.first}` : `?after=${page.dataset.last}`;
    const fetched = await this.fetch(query);
    if (fetched) this.put(fetched, side);
    else this.failed();
    this.busy = false;
    if (fetched) this.turn();
  }

  wanted() {
    const pages = this.pages();
    const first = pages[0];
    const last = pages.at(-1);
    if (first?.dataset.older !== undefined && first.getBoundingClientRect().top > -AHEAD_PIXELS)
      return "older";
    const near = last?.getBoundingClientRect().bottom < innerHeight + AHEAD_PIXELS;
    return last?.dataset.newer !== undefined && near ? "newer" : "";
  }

  put(fetched, side) {
    const anchor = this.topmost();
    const before = anchor?.getBoundingClientRect().top;
    const held = document.activeElement;
    for (const turn of this.root.querySelectorAll(`[data-turn="${side}"]`)) turn.remove();
    for (const turn of fetched.querySelectorAll(`[data-turn]:not([data-turn="${side}"])`)) turn.remove();
    if (side === "older") {
      fetched.querySelector("[data-end]")?.remove();
      this.root.prepend(fetched);
    } else this.root.append(fetched);
    this.drop(side);
    this.joinDays();
    if (anchor?.isConnected) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
    if (held?.isConnected && held !== document.activeElement) held.focus({ preventScroll: true });
  }

  /** The far side goes, and with it the mark of the conversation's end. */
  drop(side) {
    const pages = this.pages();
    while (pages.length > PAGES_HELD) {
      if (side === "older") {
        pages.pop().remove();
        this.end()?.remove();
        this.root.querySelector('[data-turn="newer"]')?.remove();
        pages.at(-1).dataset.newer = "";
      } else {
        pages.shift().remove();
        this.root.querySelector('[data-turn="older"]')?.remove();
        pages[0].dataset.older = "";
      }
    }
  }

  /** A page begins with its day; where the page before ends with the same, it is seen at the top alone. */
  joinDays() {
    let day = "";
    for (const heading of this.root.querySelectorAll(".day")) {
      heading.classList.toggle("again", heading.textContent === day);
      day = heading.textContent;
    }
    this.showDays();
  }

  showDays() {
    const top = this.headBottom();
    for (const heading of this.root.querySelectorAll(".day.again"))
      heading.classList.toggle("stuck", heading.parentElement.getBoundingClientRect().top < top);
  }

  async fetch(query) {
    try {
      const answer = await fetch(`${location.pathname}${query}&part=1`);
      if (!answer.ok || answer.redirected) return null;
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fragment = document.createDocumentFragment();
      fragment.append(...parsed.body.childNodes);
      for (const one of fragment.querySelectorAll("[autofocus]")) one.removeAttribute("autofocus");
      replaceBrokenPictures(fragment);
      return fragment;
    } catch {
      return null;
    }
  }

  failed() {
    this.failedAt = Date.now();
    this.tell(this.root.dataset.failed);
  }

  tell(text) {
    this.say.textContent = text;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => (this.say.textContent = ""), SAID_MS);
  }

  // Keys and clicks

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, audio, video, [contenteditable]")) return;
    if (event.key === "j") this.step(1);
    else if (event.key === "k") this.step(-1);
    else if (event.key === "Home") this.go(`?after=${BEGINNING}`, () => this.messages()[0]);
    else if (event.key === "End") this.go("?newest", () => this.messages().at(-1));
    else if (event.key === "/") this.search();
    else return;
    event.preventDefault();
  }

  /** Show another part instead of all that is here, and what is found in it. */
  async go(query, find) {
    if (this.busy) return;
    this.busy = true;
    const fetched = await this.fetch(query);
    if (fetched) {
      this.root.replaceChildren(fetched);
      this.show(find(), "nearest");
    } else this.failed();
    this.busy = false;
    this.scrolled();
  }

  step(by) {
    const messages = this.messages();
    const current = document.activeElement?.closest?.(".message") ?? null;
    const from = current ? messages.indexOf(current) + by : messages.indexOf(this.topmost());
    const to = messages[Math.min(Math.max(from, 0), messages.length - 1)];
    to?.focus({ preventScroll: true, focusVisible: true });
    to?.scrollIntoView({ block: "nearest" });
  }

  search() {
    const field = document.querySelector("[data-search]");
    const about = document.getElementById("about");
    if (getComputedStyle(about).display === "none") about.showPopover?.();
    field.focus();
  }

  clicked(event) {
    const permalink = event.target.closest("a.when");
    if (permalink && !event.ctrlKey && !event.metaKey && !event.shiftKey) this.link(permalink, event);
    const quote = event.target.closest("a.quote");
    const original = quote && this.root.querySelector(`[data-at="${CSS.escape(new URL(quote.href).searchParams.get("at"))}"]`);
    if (original) {
      event.preventDefault();
      this.mark(original);
      this.show(original);
    }
  }

  async link(permalink, event) {
    event.preventDefault();
    history.replaceState(null, "", permalink.href);
    this.mark(permalink.closest(".message"));
    if (await copied(permalink.href)) this.tell(this.root.dataset.copied);
  }

  mark(message) {
    for (const one of this.root.querySelectorAll(".named")) one.classList.remove("named");
    message.classList.add("named");
  }
}

/** The clipboard API is for secure contexts only; plain http in the LAN has the old command. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

const root = document.querySelector("[data-messages]");
if (root) new Conversation(root).open();
