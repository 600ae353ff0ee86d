// Bytes and the texts that stand for them. Decoders take exactly one text for the same bytes and
// throw MalformedMessage for any other.

import { MalformedMessage } from "./errors.js";

const STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE = STANDARD.slice(0, 62) + "-_";
const PAD = 61; // "="
const NONE = 255;
const LONE_SURROGATE = /[\ud800-\udfff]/u;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** One array with the bytes of all `parts` in order. */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Whether both hold the same bytes; not for secrets, it stops at the first difference. */
export function equal(one, other) {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}

/** Lower-case hexadecimal digits. */
export function hex(data) {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of lower-case hexadecimal digits. */
export function unhex(text) {
  if (text.length % 2 || !/^[0-9a-f]*$/.test(text)) throw new MalformedMessage("not hexadecimal");
  return Uint8Array.from({ length: text.length / 2 }, (_, at) =>
    Number.parseInt(text.slice(2 * at, 2 * at + 2), 16),
  );
}

/** UTF-8 of a text without lone surrogates. */
export function utf8(text) {
  if (LONE_SURROGATE.test(text)) throw new MalformedMessage("a lone surrogate is not Unicode text");
  return encoder.encode(text);
}

/** The text that UTF-8 bytes stand for; a byte order mark is a character like others. */
export function unutf8(data) {
  try {
    return decoder.decode(data);
  } catch {
    throw new MalformedMessage("not UTF-8");
  }
}

/** A number below 2^16 as 2 bytes, big-endian. */
export function u16(number) {
  return Uint8Array.of(number >>> 8, number);
}

/** A number below 2^32 as 4 bytes, big-endian. */
export function u32(number) {
  return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
}

/** The 2 bytes at `at` as a number, big-endian. */
export function readU16(data, at) {
  return data[at] * 0x100 + data[at + 1];
}

/** The 4 bytes at `at` as a number, big-endian. */
export function readU32(data, at) {
  return readU16(data, at) * 0x10000 + readU16(data, at + 2);
}

function digits(alphabet) {
  return encoder.encode(alphabet);
}

function values(alphabet) {
  const table = new Uint8Array(256).fill(NONE);
  for (let value = 0; value < 64; value += 1) table[alphabet.charCodeAt(value)] = value;
  return table;
}

const STANDARD_DIGITS = digits(STANDARD);
const STANDARD_VALUES = values(STANDARD);
const URL_DIGITS = digits(URL_SAFE);
const URL_VALUES = values(URL_SAFE);

/** Standard base64 with padding (RFC 4648 section 4), as JSON messages carry bytes. */
export function base64(data) {
  const padded = new Uint8Array(4 * Math.ceil(data.length / 3)).fill(PAD);
  encodeDigits(data, STANDARD_DIGITS, padded);
  return decoder.decode(padded);
}

/** The bytes of standard base64 with padding; unused bits are zero. */
export function unbase64(text) {
  if (text.length % 4) throw new MalformedMessage("base64 without its padding");
  const end = text.endsWith("==") ? text.length - 2 : text.length - Number(text.endsWith("="));
  return decodeDigits(text, end, STANDARD_VALUES);
}

/** Base64url without padding (RFC 4648 section 5), as links and tokens carry bytes. */
export function base64url(data) {
  const text = new Uint8Array(Math.ceil((4 * data.length) / 3));
  encodeDigits(data, URL_DIGITS, text);
  return decoder.decode(text);
}

/** The bytes of canonical base64url: no padding, unused bits zero. */
export function unbase64url(text) {
  return decodeDigits(text, text.length, URL_VALUES);
}

function encodeDigits(data, alphabet, target) {
  const whole = data.length - (data.length % 3);
  let to = 0;
  for (let at = 0; at < whole; at += 3) {
    const bits = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
    target[to] = alphabet[bits >> 18];
    target[to + 1] = alphabet[(bits >> 12) & 63];
    target[to + 2] = alphabet[(bits >> 6) & 63];
    target[to + 3] = alphabet[bits & 63];
    to += 4;
  }
  if (whole === data.length) return;
  const bits = (data[whole] << 8) | (data[whole + 1] ?? 0);
  target[to] = alphabet[bits >> 10];
  target[to + 1] = alphabet[(bits >> 4) & 63];
  if (whole + 2 === data.length) target[to + 2] = alphabet[(bits << 2) & 63];
}

function decodeDigits(text, end, table) {
  const rest = end % 4;
  if (rest === 1) throw new MalformedMessage("base64 of an impossible length");
  const whole = end - rest;
  const data = new Uint8Array((whole / 4) * 3 + Math.max(0, rest - 1));
  let wrong = 0;
  let to = 0;
  for (let at = 0; at < whole; at += 4) {
    const a = valueAt(text, at, table);
    const b = valueAt(text, at + 1, table);
    const c = valueAt(text, at + 2, table);
    const d = valueAt(text, at + 3, table);
    wrong |= a | b | c | d;
    data[to] = (a << 2) | (b >> 4);
    data[to + 1] = (b << 4) | (c >> 2);
    data[to + 2] = (c << 6) | d;
    to += 3;
  }
  if (rest) {
    const a = valueAt(text, whole, table);
    const b = valueAt(text, whole + 1, table);
    const c = rest === 3 ? valueAt(text, whole + 2, table) : 0;
    wrong |= a | b | c;
    data[to] = (a << 2) | (b >> 4);
    if (rest === 3) data[to + 1] = (b << 4) | (c >> 2);
    if ((rest === 3 ? c & 3 : b & 15) !== 0) throw new MalformedMessage("base64 with unused bits");
  }
  if (wrong > 63) throw new MalformedMessage("a character that is not of base64");
  return data;
}

function valueAt(text, at, table) {
  const code = text.charCodeAt(at);
  return code < 256 ? table[code] : NONE;
}
