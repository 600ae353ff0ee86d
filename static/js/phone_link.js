// Reads the code behind the # of this page's address. It is shown here and sent nowhere.

import { watchCopyButtons } from "./copy.js";

const VERSION = 1;
const HEAD_BYTES = 6; // version u8, scope u8, expires u32; docs/protocol.md, section 1

/** Scope bits and expiry (seconds since 1970) of a payload; null when it is none. */
function parse(payload) {
  if (!/^[A-Za-z0-9_-]{200,}$/.test(payload)) return null;
  const text = atob(payload.slice(0, 8).replaceAll("-", "+").replaceAll("_", "/"));
  const head = new DataView(Uint8Array.from(text, (char) => char.charCodeAt(0)).buffer);
  if (head.byteLength < HEAD_BYTES || head.getUint8(0) !== VERSION) return null;
  return { scope: head.getUint8(1), expires: head.getUint32(2) };
}

function show() {
  const code = parse(location.hash.slice(1));
  document.querySelector("[data-no-link]").hidden = code !== null;
  const section = document.querySelector("[data-link]");
  section.hidden = code === null;
  if (code === null) return;
  // A redirect keeps the fragment of the address that was asked for, which is not sent: so the
  // code survives a change of language.
  for (const form of document.querySelectorAll("form.language")) {
    form.action = form.action.split("#")[0] + location.hash;
  }
  const link = location.href.replace(location.search, "");
  for (const row of section.querySelectorAll("[data-scope]")) {
    row.hidden = !(code.scope & Number(row.dataset.scope));
  }
  for (const field of section.querySelectorAll("[data-command]")) {
    field.value = field.dataset.command.replace("LINK", link);
  }
  const left = code.expires * 1000 - Date.now();
  section.querySelector("[data-expired]").hidden = left > 0;
  if (left > 0) setTimeout(show, Math.min(left + 1000, 60 * 60 * 1000));
}

window.addEventListener("hashchange", show);
watchCopyButtons(document);
show();
