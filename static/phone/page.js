// The phone page: reads the code behind the # of its address, asks the engine, shows what it answers.

import { keepName, phoneName } from "./device.js";
import { told } from "./errors.js";
import { Picking } from "./picking.js";
import { Choosing } from "./restoring.js";
import { Saving } from "./saving.js";
import { announce, at, element, fill, list, row, show } from "./views.js";
import { failure, say, shortId, size } from "./words.js";
import { CLOCK_SKEW_SECONDS } from "./wire/limits.js";
import { startEngine } from "./workers.js";
import { Working } from "./working.js";

const state = {
  station: null,
  isAsking: false,
  isBusy: false,
  wasAsked: false, // whether the owner was asked about this account
  canChooseAgain: false,
};

/** A Worker that does not start: the browser knows no modules in Workers, or could not load it. */
function missing({ message }) {
  hear({ kind: "failed", name: "TooOld", code: null, detail: message ?? "", problems: [] });
}

function hear(event) {
  try {
    if (LAST.has(event.kind)) asking(false);
    answers[event.kind](event);
  } catch (error) {
    console.error(error);
    answers.failed({ of: "page", ...told(error) });
  }
}

/** Ask the engine one thing; further presses wait for its answer. */
function ask(what, details = {}) {
  if (state.isAsking) return;
  asking(true);
  engine.postMessage({ do: what, ...details });
}

const LAST = new Set(
  "met enrolled opened listed contents stored restored failed waiting".split(" "),
);

function asking(isAsking) {
  state.isAsking = isAsking;
  at("[data-connecting]").hidden = !isAsking || state.isBusy;
  if (isAsking && !state.isBusy) announce(say("connecting"));
}

const working = new Working();
const saving = new Saving({
  failed: (error) => answers.failed(error),
  done: () => show("finished"),
});
const picking = new Picking((files, label) => work("backup", { files, label }));
const choosing = new Choosing({
  list: (page) => ask("list", { page }),
  contents: (snapshotId) => ask("contents", { snapshotId }),
  restore: (snapshotId, numbers) => work("restore", { snapshotId, numbers }),
});
const engine = startEngine(hear, missing);

function work(scope, details) {
  if (state.isAsking) return;
  state.isBusy = true;
  working.begin(scope);
  show("working");
  ask(scope, details);
}

function open(scope) {
  state.wasAsked = false;
  ask("open", { scope, source: phoneName() });
}

/** What each answer of the engine does; its list is at the head of engine.js. */
const answers = {
  met(met) {
    state.station = met;
    fill("station", met.stationName);
    // Only a hint: station and IM server decide by their clocks, never by this one.
    const isOld = Date.now() / 1000 > met.expires + CLOCK_SKEW_SECONDS;
    for (const note of document.querySelectorAll("[data-old]")) note.hidden = !isOld;
    if (met.isEnrolled) offer();
    else askToEnrol();
  },

  /** The owner is being asked: the engine goes on by itself. */
  waiting({ reason, digits }) {
    state.isAsking = true;
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

  stored({ snapshotId, sent, held, problems }) {
    done();
    const id = shortId(snapshotId);
    fill("snapshot-id", `${id.slice(0, 4)} ${id.slice(4)}`);
    const lines = [say("stored.sent", { size: size(sent) })];
    if (held) lines.push(say("stored.held", { size: size(held) }));
    const results = lines.map((textContent) => element("li", { textContent }));
    at("[data-results]").replaceChildren(...results);
    at("[data-left]").hidden = problems.length === 0;
    fill("left-title", say("stored.left"));
    list("left-list", problems, problemLine);
    show("stored");
  },

  restored(restored) {
    done();
    saving.show(restored);
    show("restored");
  },

  failed({ of, name, code, detail, problems = [], canGoOn = false }) {
    done();
    const wasAsked = state.wasAsked && of === "open";
    const [what, advice] = failure({ of, name, wasAsked });
    fill("failure", what);
    fill("advice", advice);
    fill("code", name === "Stopped" ? "" : [code, detail].filter(Boolean).join(" · "));
    list("problems", problems, problemLine);
    at("[data-again]").hidden = !(state.canChooseAgain && name === "NothingToDo");
    at("[data-back-to-list]").hidden = !canGoOn;
    at("[data-back-to-files]").hidden = of !== "save";
    at("[data-enrol-again]").hidden = name !== "phone_unknown";
    show("failed");
  },
};

function problemLine({ path, reason }) {
  return row(path, say(`reason.${reason}`));
}

function done() {
  state.isBusy = false;
  asking(false);
  working.end();
}

/** Let the person choose what the code permits; where it is one thing, it is chosen. */
function offer() {
  const { scopes } = state.station;
  if (scopes.length === 1) open(scopes[0]);
  else show("start");
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
  if (location.hash.length < 2) show("none");
  else ask("look", { link: location.href.replace(location.search, "") });
}

for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => open(button.dataset.open));
}
at("[data-enrol]").addEventListener("submit", (event) => {
  event.preventDefault();
  const { name, code } = Object.fromEntries(new FormData(event.target));
  keepName(name.trim());
  ask("enrol", { name: phoneName(), code: code.trim() });
});
at("[data-stop]").addEventListener("click", ({ target }) => {
  target.disabled = true;
  engine.postMessage({ do: "stop" });
});
at("[data-again]").addEventListener("click", () => show("choose"));
at("[data-back-to-files]").addEventListener("click", () => show("restored"));
at("[data-enrol-again]").addEventListener("click", askToEnrol);
at(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // its address would take the place of the code
  at("main").focus();
});
window.addEventListener("beforeunload", (event) => {
  if (!state.isBusy && !saving.isUnsaved) return;
  event.preventDefault();
  event.returnValue = true; // for browsers before 2024
});
window.addEventListener("hashchange", () => location.reload());
look();
