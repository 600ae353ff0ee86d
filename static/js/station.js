// The pages with a live code (the station page, and the one that restores): parts of it arrive, rendered, over one WebSocket; the code counts down.

import { watchCopyButtons } from "./copy.js";
import { tellTimes } from "./times.js";

const SIGNED_OUT = 4401;
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 10000;
const CODE_LIFE_MS = 110 * 1000;

const choices = document.querySelector("[data-choices]");
const offline = document.querySelector("[data-offline]");
let socket = null;
let retryMs = RETRY_MIN_MS;
let codeSince = performance.now();

function chosen() {
  const form = new FormData(choices);
  return {
    address: form.get("address") ?? "",
    scope: form.get("scope") ?? "both",
    im_origin: form.get("im_origin"), // null where there is nothing to choose
    scheme: form.get("scheme") ?? "http", // a box that is not ticked
    snapshot: form.get("snapshot") ?? "", // what the code is bound to, where it is
    conversation: form.get("conversation") ?? "",
  };
}

function shownLink() {
  return document.querySelector("[data-link]")?.value ?? "";
}

function send(message) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(message));
  return true;
}

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live/`);
  socket.addEventListener("open", () => {
    retryMs = RETRY_MIN_MS;
    offline.hidden = true;
    const language = document.documentElement.lang;
    send({ type: "hello", language, link: shownLink(), choice: chosen() });
  });
  socket.addEventListener("message", (event) => {
    for (const [name, html] of Object.entries(JSON.parse(event.data).parts)) replace(name, html);
  });
  socket.addEventListener("close", (event) => {
    if (event.code === SIGNED_OUT) return location.reload();
    offline.hidden = false;
    setTimeout(connect, retryMs);
    retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
  });
}

/** After (re)connecting the station repeats the code that the page has and goes on with. */
function isShownAlready(html) {
  const link = shownLink();
  return link && html.includes(link) && !document.querySelector(".is-stale");
}

/** Whether somebody is filling it in. */
function isChanged(field) {
  if (field.readOnly) return false;
  if (field.options) return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return field.value !== field.defaultValue;
}

/** Put new HTML into a part; what is focused, opened, selected or typed in it stays so. */
function replace(name, html) {
  const part = document.querySelector(`[data-part="${name}"]`);
  if (!part) return; // not every page has every part
  if (name === "say") {
    part.textContent = html;
    return;
  }
  if (name === "code" && isShownAlready(html)) return;
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const opened = [...part.querySelectorAll("details[open]")].map((details) => details.id);
  const typed = [...part.querySelectorAll("input[id], select[id]")].filter(isChanged);
  part.innerHTML = html;
  for (const { id, value } of typed) retype(document.getElementById(id), value);
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  if (name === "code") codeSince = performance.now();
  tellTimes(part);
}

/** Put back what was typed, or chosen if it can still be. */
function retype(field, value) {
  const isThere = field?.options ? [...field.options].some((one) => one.value === value) : field;
  if (isThere) field.value = value;
}

/** Once a second: seconds to the next code; without a station the last one runs out. */
function countDown() {
  const bar = document.querySelector("[data-countdown]");
  if (!bar) return;
  const age = performance.now() - codeSince;
  const left = Math.max(0, Math.ceil(Number(bar.dataset.countdown) - age / 1000));
  bar.value = left;
  document.querySelector("[data-seconds]").textContent = String(left);
  bar.closest("[data-code]").classList.toggle("is-stale", age > CODE_LIFE_MS);
}

choices.addEventListener("change", () => {
  const choice = chosen();
  const { snapshot, ...asked } = choice; // the page's path names that
  history.replaceState(null, "", `?${new URLSearchParams(asked)}`);
  send({ type: "show", choice });
});

// Allow and Deny go over the socket; when it is gone the form is sent as without JavaScript.
document.getElementById("decide").addEventListener("submit", (event) => {
  const { name, value } = event.submitter;
  const allow = name === "allow";
  const replaces = (allow && new FormData(event.target).get(`replaces-${value}`)) || "";
  if (send({ type: "decide", digits: value, allow, replaces })) event.preventDefault();
});

/** Say beside the form what the page of the refusal says; what was typed stays. */
function sayRefused(more, page) {
  const said = more.querySelector("[data-refused]");
  said.textContent = new DOMParser().parseFromString(page, "text/html").querySelector(".lead").textContent;
  said.hidden = false;
  more.querySelector("input").focus();
}

// Name and reminder of a phone, without losing the code that is shown.
document.getElementById("keep-phone")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { target: form, submitter: button } = event;
  const body = new FormData(form);
  body.set(button.name, button.value);
  // It answers with the way back to this page, which is open already.
  const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
  const more = button.closest("details");
  if (answer.status === 400) return sayRefused(more, await answer.text());
  if (answer.type !== "opaqueredirect") return location.reload();
  more.querySelector("[data-refused]").hidden = true;
  for (const field of more.querySelectorAll("input")) field.defaultValue = field.value;
  for (const one of more.querySelectorAll("option")) one.defaultSelected = one.selected;
  more.open = false;
  more.querySelector("summary").focus();
  send({ type: "show", choice: chosen() });
});

// From a reminder to the phone's own line, opened.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#phone-"]');
  if (link) document.querySelector(`${link.hash} details`)?.setAttribute("open", "");
});

document.querySelector("[data-without-script]").hidden = true;
watchCopyButtons(document);
tellTimes(document);
setInterval(countDown, 1000);
setInterval(() => tellTimes(document), 30 * 1000);
connect();
