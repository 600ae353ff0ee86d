// One view of the page at a time; its heading gets the focus, so that a screen reader follows.

import { number, say } from "./words.js";

const LINES_MAX = 500;

/** The element below `root` (or the document) with this selector; it must be there. */
export function at(selector, root = document) {
  return root.querySelector(selector);
}

/** A new element with these properties and children. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Show this view alone, and what belongs to it. */
export function show(name) {
  for (const view of document.querySelectorAll("[data-view]")) {
    view.hidden = view.dataset.view !== name;
  }
  for (const part of document.querySelectorAll("[data-with]")) {
    part.hidden = !part.dataset.with.split(" ").includes(name);
  }
  const heading = at(`[data-view="${name}"] h1`);
  heading?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
  document.body.dataset.shown = name;
}

/** Put this text wherever the page has a place of this name. */
export function fill(name, text) {
  for (const place of document.querySelectorAll(`[data-${name}]`)) place.textContent = text;
}

/** Say it to those who cannot see it. */
export function announce(text) {
  at("[data-say]").textContent = text;
}

/** Fill a list with a line for each of these, as many as a page can bear. */
export function list(name, all, lineOf, atMost = LINES_MAX) {
  const lines = all.slice(0, atMost).map(lineOf);
  const more = all.length - lines.length;
  if (more > 0) lines.push(row(say("more.files", { count: number(more) })));
  at(`[data-${name}]`).replaceChildren(...lines);
}

/** A line of a list: a title, and something small below and beside it. */
export function row(title, below, ...beside) {
  const main = element("div", { className: "row-main" });
  main.append(element("p", { className: "row-title", textContent: title }));
  if (below) main.append(element("p", { className: "fine", textContent: below }));
  return element("li", {}, main, ...beside);
}
