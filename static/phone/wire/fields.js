// The types that fields of messages, claims and manifests have: one codec for each, which reads a
// parsed JSON value strictly and writes it again. Reading throws MalformedMessage; writing does so
// too, for a value that the other side would refuse.
//
// Objects read are frozen; their fields' names are in camelCase: snapshot_id becomes snapshotId.

import { base64, unbase64 } from "./bytes.js";
import { MalformedMessage } from "./errors.js";

const LONE_SURROGATE = /[\ud800-\udfff]/u;
const ASTRAL = /[\ud800-\udbff]/;

function refuse(why) {
  throw new MalformedMessage(why);
}

/** Length in code points, as limits of characters count. */
export function charsIn(text) {
  return ASTRAL.test(text) ? [...text].length : text.length;
}

/** Text; lengths are in code points, `pattern` must match. */
export function text({ min = 0, max = Infinity, pattern = null } = {}) {
  const check = (value) => {
    if (typeof value !== "string" || LONE_SURROGATE.test(value)) refuse("not text");
    // A text has at most as many code points as code units.
    if (value.length < min || value.length > max) {
      const chars = charsIn(value);
      if (chars < min || chars > max) refuse(`a text of ${chars} characters`);
    }
    if (pattern !== null && !pattern.test(value)) refuse("a text with other characters");
    return value;
  };
  return { read: check, write: check };
}

/** One of a few texts. */
export function oneOf(...choices) {
  const check = (value) =>
    choices.includes(value) ? value : refuse(`not ${choices.join(" or ")}`);
  return { read: check, write: check };
}

/** An integer from `min` to `max`, as Number, or as BigInt where a Number is not exact. */
export function integer(min, max) {
  const check = (value) => {
    const whole = typeof value === "bigint" || Number.isSafeInteger(value);
    return whole && value >= min && value <= max ? value : refuse("not an integer in its bounds");
  };
  return { read: check, write: check };
}

/** Bytes: a Uint8Array here, standard base64 with padding in JSON. */
export function bytes({ min = 0, max = Infinity } = {}) {
  const check = (data) => {
    if (data.length < min || data.length > max) refuse(`${data.length} bytes`);
    return data;
  };
  return {
    read: (value) => check(typeof value === "string" ? unbase64(value) : refuse("not base64")),
    write: (data) => base64(data instanceof Uint8Array ? check(data) : refuse("not bytes")),
  };
}

/** A list of `codec`s. */
export function listOf(codec, { min = 0, max = Infinity } = {}) {
  const each = (values, one) => {
    if (!Array.isArray(values)) refuse("not a list");
    if (values.length < min || values.length > max) refuse(`a list of ${values.length}`);
    return values.map(one);
  };
  return {
    read: (values) => Object.freeze(each(values, codec.read)),
    write: (values) => each(values, codec.write),
  };
}

/** A field that may be absent or null; both read as null. */
export function optional(codec) {
  return {
    absent: null,
    read: (value) => (value === null ? null : codec.read(value)),
    write: (value) => (value === null ? undefined : codec.write(value)),
  };
}

/** A list that may be absent, which reads as an empty one. */
export function orEmpty(codec) {
  return { ...codec, absent: Object.freeze([]) };
}

/** A JSON object with exactly these fields: their names here, in camelCase, and their codecs. */
export function record(codecs) {
  const fields = Object.entries(codecs).map(([name, codec]) => ({ name, key: snake(name), codec }));
  const keys = new Set(fields.map(({ key }) => key));
  return {
    read: (value) => {
      if (!isObject(value)) refuse("not an object");
      for (const key of Object.keys(value)) if (!keys.has(key)) refuse(`unknown field ${key}`);
      return Object.freeze(
        Object.fromEntries(fields.map((field) => [field.name, readField(field, value)])),
      );
    },
    write: (value) => {
      for (const name of Object.keys(value)) if (!(name in codecs)) refuse(`unknown field ${name}`);
      return Object.fromEntries(
        fields.map(({ name, key, codec }) => [key, writeField(codec, value[name], key)]),
      );
    },
  };
}

/** A JSON array with exactly these fields in their order. */
export function tuple(codecs) {
  const fields = Object.entries(codecs);
  return {
    write: (value) => fields.map(([name, codec]) => codec.write(value[name])),
  };
}

/** Whether a parsed JSON value is an object. */
export function isObject(value) {
  return value !== null && typeof value === "object" && Object.getPrototypeOf(value) === null;
}

/** snapshotId becomes snapshot_id. */
export function snake(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function readField({ key, codec }, value) {
  const found = value[key];
  if (found !== undefined) return about(key, () => codec.read(found));
  return codec.absent === undefined ? refuse(`${key} is missing`) : codec.absent;
}

function writeField(codec, value, key) {
  if (value === undefined && codec.absent !== undefined) return undefined;
  return about(key, () => codec.write(value));
}

function about(key, work) {
  try {
    return work();
  } catch (error) {
    throw error instanceof MalformedMessage
      ? new MalformedMessage(`${key}: ${error.message}`)
      : error;
  }
}

/** What calendars can hold: seconds since 1970 UTC, below 2^32. */
export const seconds = integer(0, 2 ** 32 - 1);
/** What files and databases can hold: from 0 to 2^63 - 1. */
export const count = integer(0, 2n ** 63n - 1n);
export const reference = integer(0, 2 ** 32 - 1);
