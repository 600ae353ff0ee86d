// The phone page: reads the code behind the # of its address, asks the engine, shows what it answers.

import { deviceName } from "./device.js";
import { Picking } from "./picking.js";
import { Choosing } from "./restoring.js";
import { Saving } from "./saving.js";
import { announce, at, fill, row, show } from "./views.js";
import { failure, say, size } from "./words.js";
import { Working } from "./working.js";

const READERS_MAX = 2;
const NAME_KEY = "phone-name";
const ID_CHARS = 8;

/** The engine's Worker, joined to the Workers that read files. */
function startEngine(hear) {
  const module = { type: "module" };
  // Not the static file itself: the station says beside it where the engine may connect.
  const engine = new Worker(new URL("engine.js", location), module);
  const count = Math.max(1, Math.min(READERS_MAX, (navigator.hardwareConcurrency ?? 2) - 1));
  const ports = Array.from({ length: count }, () => {
    const reader = new Worker(new URL("./reading.js", import.meta.url), module);
    const { port1, port2 } = new MessageChannel();
    reader.postMessage({ port: port1 }, [port1]);
    return port2;
  });
  engine.postMessage({ readers: ports }, ports);
  engine.onmessage = ({ data }) => hear(data);
  engine.onerror = ({ message }) => hear({ kind: "failed", name: "other", code: null, detail: message });
  return engine;
}

const state = { station: null, scope: "", wasAsked: false, isBusy: false, canChooseAgain: false };
const engine = startEngine((event) => answers[event.kind](event));
const ask = (what, details = {}) => engine.postMessage({ do: what, ...details });

const working = new Working();
const saving = new Saving();
const picking = new Picking((files, label) => {
  begin("backup");
  ask("backup", { files, label });
});
const choosing = new Choosing({
  list: (page) => ask("list", { page }),
  contents: (snapshotId) => ask("contents", { snapshotId }),
  restore: (snapshotId, numbers) => {
    begin("restore");
    ask("restore", { snapshotId, numbers });
  },
});

function begin(scope) {
  state.isBusy = true;
  working.begin(scope);
  show("working");
}

function phoneName() {
  try {
    return localStorage.getItem(NAME_KEY) || deviceName();
  } catch {
    return deviceName(); // a browser that keeps nothing
  }
}

function keepName(name) {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // asked again the next time
  }
}

function open(scope) {
  state.scope = scope;
  state.wasAsked = false;
  announce(say("connecting"));
  for (const button of document.querySelectorAll("[data-open]")) button.disabled = true;
  ask("open", { scope, source: phoneName() });
}

/** What each answer of the engine does; its list is at the head of engine.js. */
const answers = {
  met(met) {
    state.station = met;
    fill("station", met.stationName);
    if (met.isEnrolled) offer();
    else askToEnrol();
  },

  waiting({ reason, digits }) {
    state.wasAsked = true;
    fill("title", say(reason === "enrol" ? "title.waiting" : "title.link"));
    fill("digits", `${digits.slice(0, 3)} ${digits.slice(3)}`);
    show("waiting");
    announce(digits.split("").join(" "));
  },

  enrolled({ stationName }) {
    fill("station", stationName);
    offer();
  },

  verified() {},

  opened({ scope, stationName, binding, free }) {
    fill("station", stationName);
    state.canChooseAgain = true;
    if (scope === "backup") {
      picking.free = free;
      show("choose");
    } else if (binding) {
      ask("contents", { snapshotId: binding.snapshotId });
    } else {
      ask("list", { page: 0 });
    }
  },

  listed(listed) {
    choosing.listed(listed);
    show("snapshots");
  },

  contents(contents) {
    choosing.contents(contents);
    show("contents");
  },

  progress(progress) {
    working.progress(progress);
  },

  interrupted() {
    working.interrupted();
  },

  /** While the person chooses, a backup can wait for its next connection; a list cannot. */
  lost({ canGoOn, ...error }) {
    if (!canGoOn) answers.failed({ of: "open", ...error });
  },

  stored(stored) {
    done();
    fill("snapshot-id", `${stored.snapshotId.slice(0, 4)} ${stored.snapshotId.slice(4, ID_CHARS)}`);
    const lines = [say("stored.sent", { size: size(stored.sent) })];
    if (stored.held) lines.push(say("stored.held", { size: size(stored.held) }));
    const results = lines.map((textContent) => Object.assign(document.createElement("li"), { textContent }));
    at("[data-results]").replaceChildren(...results);
    at("[data-left]").hidden = stored.problems.length === 0;
    fill("left-title", say("stored.left"));
    const left = stored.problems.map(({ path, reason }) => row(path, say(`reason.${reason}`)));
    at("[data-left-list]").replaceChildren(...left);
    show("stored");
  },

  restored(restored) {
    done();
    saving.show(restored);
    show("restored");
  },

  failed(error) {
    done();
    const [what, advice] = failure({ ...error, wasAsked: state.wasAsked && error.of === "open" });
    fill("failure", what);
    fill("advice", advice);
    fill("code", [error.code, error.detail].filter(Boolean).join(" · "));
    at("[data-again]").hidden = !(state.canChooseAgain && error.name === "NothingToDo");
    at("[data-enrol-again]").hidden = error.name !== "phone_unknown" || state.station.imOrigin !== "";
    show("failed");
  },
};

function done() {
  state.isBusy = false;
  working.end();
}

/** Let the person choose what the code permits; where it is one thing, it is chosen. */
function offer() {
  const { scopes } = state.station;
  if (scopes.length === 1) {
    open(scopes[0]);
    return;
  }
  for (const button of document.querySelectorAll("[data-open]")) button.disabled = false;
  show("start");
}

function askToEnrol() {
  const isElsewhere = state.station.imOrigin !== "";
  for (const part of document.querySelectorAll("[data-elsewhere]")) part.hidden = !isElsewhere;
  for (const part of document.querySelectorAll("[data-embedded]")) part.hidden = isElsewhere;
  fill("im-origin", state.station.imOrigin);
  at("#phone-name").value = phoneName();
  at("#enrol-code").required = isElsewhere;
  show("enrol");
}

function look() {
  // A redirect keeps the fragment of the address that was asked for, which is not sent: so the
  // code survives a change of language.
  for (const form of document.querySelectorAll("form.language")) {
    form.action = form.action.split("#")[0] + location.hash;
  }
  if (location.hash.length < 2) {
    show("none");
    return;
  }
  ask("look", { link: location.href.replace(location.search, "") });
}

for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => open(button.dataset.open));
}
at("[data-enrol]").addEventListener("submit", (event) => {
  event.preventDefault();
  const { name, code } = Object.fromEntries(new FormData(event.target));
  keepName(name.trim());
  announce(say("connecting"));
  ask("enrol", { name: name.trim(), code: code.trim() });
});
at("[data-stop]").addEventListener("click", () => ask("stop"));
at("[data-again]").addEventListener("click", () => show("choose"));
at("[data-enrol-again]").addEventListener("click", askToEnrol);
window.addEventListener("beforeunload", (event) => {
  if (state.isBusy) event.preventDefault();
});
window.addEventListener("hashchange", () => location.reload());
look();

