// Sentences and numbers in the reader's language: the page brings the sentences along as JSON.

const { sentences, failures } = JSON.parse(document.getElementById("words").textContent);
const language = document.documentElement.lang;
const plural = new Intl.PluralRules(language);
const whole = new Intl.NumberFormat(language);
const dates = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const ID_CHARS = 8;
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** The sentence called `key`, with {name} replaced by the value of that name. */
export function say(key, values = {}) {
  return sentences[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** "1 file", "5 files". */
export function files(count) {
  const form = plural.select(count) === "one" ? "one" : "other";
  return say(`files.${form}`, { count: whole.format(count) });
}

/** Bytes in units of 1,000, as people and disks count. */
export function size(bytes) {
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  const digits = power === 0 ? 0 : 1;
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: UNITS[power],
    unitDisplay: power === 0 ? "long" : "short",
    maximumFractionDigits: digits,
  }).format(bytes / 1000 ** power);
}

/** A moment, given in seconds since 1970. */
export function when(seconds) {
  return dates.format(new Date(seconds * 1000));
}

/** The characters of a snapshot's ID that name it to people. */
export function shortId(snapshotId) {
  return snapshotId.slice(0, ID_CHARS);
}

/** A whole number. */
export function number(value) {
  return whole.format(value);
}

/** "about 3 min left"; empty when nobody knows. */
export function timeLeft(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 90) return say("left.seconds", { count: whole.format(Math.ceil(seconds)) });
  return say("left.minutes", { count: whole.format(Math.ceil(seconds / 60)) });
}

/** What happened and what to do, for what the engine told of a failure. */
export function failure({ of, name, wasAsked }) {
  const keys = [`${wasAsked ? "asked" : of}:${name}`, name];
  return failures[keys.find((key) => key in failures) ?? "other"];
}
