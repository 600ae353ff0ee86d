// The view while data is under way: how far, how fast, how long still.

import { announce, at, element, fill } from "./views.js";
import { number, say, size, timeLeft } from "./words.js";

const SPEED_MS = 8_000; // the speed is that of the last seconds

/** Shows progress; keeps the screen on where the browser lets it. */
export class Working {
  #scope = "";
  #samples = [];
  #lock = null;
  #isOn = false;
  #announced = 0;

  constructor() {
    // Browsers take the lock away from a page that is not looked at.
    document.addEventListener("visibilitychange", () => {
      if (this.#isOn && document.visibilityState === "visible") this.#keepAwake();
    });
  }

  begin(scope) {
    this.#scope = scope;
    this.#samples = [];
    this.#announced = 0;
    for (const part of document.querySelectorAll("[data-for]")) {
      part.hidden = part.dataset.for !== scope;
    }
    this.#draw(0, [say("preparing")]);
    at("[data-interrupted]").hidden = true;
    at("[data-stop]").disabled = false;
    this.#isOn = true;
    this.#keepAwake();
  }

  end() {
    this.#isOn = false;
    this.#lock?.release().catch(() => {});
    this.#lock = null;
  }

  /** Wake locks are for secure contexts; on plain http the hint on the page has to do. */
  async #keepAwake() {
    try {
      this.#lock = await navigator.wakeLock?.request("screen");
    } catch {
      this.#lock = null;
    }
    if (!this.#isOn) this.end();
  }

  progress({ done, total, held, items, of, isRead }) {
    at("[data-interrupted]").hidden = true;
    const percent = total ? Math.floor((100 * done) / total) : 100;
    const speed = this.#speed(done);
    const pace = [];
    const lines = [say("progress", { done: size(done), total: size(total) })];
    lines.push(
      say(this.#scope === "backup" ? "read" : "checked", { items: number(items), of: number(of) }),
    );
    if (held) lines.push(say("held", { size: size(held) }));
    if (speed > 0 && done < total) {
      pace.push(say("speed", { speed: size(speed) }), timeLeft((total - done) / speed));
    }
    if (isRead) lines.push(say("finishing"));
    this.#draw(percent, lines, pace);
    this.#tell(percent);
  }

  interrupted() {
    const note = at("[data-interrupted]");
    note.textContent = say("interrupted");
    note.hidden = false;
    this.#samples = [];
    // How fast it was says nothing now.
    for (const old of at("[data-numbers]").querySelectorAll("[data-pace]")) old.remove();
  }

  #draw(percent, lines, pace = []) {
    at("[data-bar]").value = percent;
    fill("percent", `${percent} %`);
    const spans = lines.map((text) => element("span", { textContent: text }));
    for (const textContent of pace.filter(Boolean)) {
      const span = element("span", { textContent });
      span.dataset.pace = "";
      spans.push(span);
    }
    at("[data-numbers]").replaceChildren(...spans);
  }

  /** Bytes a second over the last seconds. */
  #speed(done) {
    const now = performance.now();
    this.#samples.push({ now, done });
    while (this.#samples.length > 2 && now - this.#samples[0].now > SPEED_MS) this.#samples.shift();
    const first = this.#samples[0];
    return now > first.now ? ((done - first.done) * 1000) / (now - first.now) : 0;
  }

  #tell(percent) {
    const tenth = Math.floor(percent / 10);
    if (tenth > this.#announced) {
      this.#announced = tenth;
      announce(`${percent} %`);
    }
  }
}
