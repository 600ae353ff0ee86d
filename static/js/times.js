// <time datetime data-when="ago|clock|date">: in the reader's own time zone and language.

const UNITS = [
  ["day", 24 * 60 * 60],
  ["hour", 60 * 60],
  ["minute", 60],
];
const WEEK_SECONDS = 7 * 24 * 60 * 60;

const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const clock = new Intl.DateTimeFormat(language, {
  timeStyle: "medium",
  hourCycle: "h23",
});
const date = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const full = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "medium" });

const TELL = { ago, clock: (at) => clock.format(at), date: (at) => date.format(at) };

export function tellTimes(root) {
  for (const element of root.querySelectorAll("time[data-when]")) {
    const at = new Date(element.dateTime);
    element.textContent = TELL[element.dataset.when](at);
    element.title = full.format(at);
  }
}

function ago(at) {
  const seconds = (at - Date.now()) / 1000;
  if (-seconds > WEEK_SECONDS) return date.format(at);
  const [unit, length] = UNITS.find(([, size]) => -seconds >= size) ?? ["second", 1];
  return relative.format(unit === "second" ? 0 : Math.round(seconds / length), unit);
}
