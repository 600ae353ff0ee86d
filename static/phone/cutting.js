// Content-defined chunk boundaries, FastCDC 2020 with normalised chunking 1: the same boundaries as
// phone/chunking.py makes, so that a chat backed up by both is kept once.

import { GEAR_HIGH, GEAR_LOW } from "./gear.js";
import { CHUNK_BYTES_MAX, ITEM_CHUNKS_MAX, KIB } from "./wire/limits.js";

export const AVERAGE_CHUNK_BYTES = 64 * KIB;

const TEXT_ENDINGS = new Set(
  "txt json jsonl ndjson csv tsv xml html htm md log vcf ics eml mbox srt vtt sql yaml yml rtf tex".split(
    " ",
  ),
);

// Masks of FastCDC by the logarithm of the average, as [high, low] 32 bits: from 15 to 20 bits.
const MASKS = new Map([
  [15, [0x0000d90f, 0x03530000]],
  [16, [0x0000d903, 0x03537000]],
  [17, [0x0000d907, 0x03537000]],
  [18, [0x0000d907, 0x07537000]],
  [19, [0x0000d917, 0x07537000]],
  [20, [0x0000d917, 0x47537000]],
]);

/** The ending of a name in lower case without its dot; empty when there is none. */
export function endingOf(name) {
  const last = name.slice(name.lastIndexOf("/") + 1).replace(/^\.+/, "");
  const dot = last.lastIndexOf(".");
  return dot < 0 ? "" : last.slice(dot + 1).toLowerCase();
}

/**
 * The chunk size in bytes to aim at for text of `size` bytes; null where fixed chunks serve better.
 * It doubles for large files, so that an item never has too many chunks.
 */
export function averageChunkBytes(name, size) {
  if (!TEXT_ENDINGS.has(endingOf(name))) return null;
  let average = AVERAGE_CHUNK_BYTES;
  while (size > (average / 4) * (ITEM_CHUNKS_MAX - 1)) average *= 2;
  return average < CHUNK_BYTES_MAX ? average : null;
}

/** A function (bytes, isLast) -> lengths of the chunks that are certain by now, in bytes. */
export function cutter(name, size) {
  const average = averageChunkBytes(name, size);
  return average === null ? cutFixed : (bytes, isLast) => cutByContent(bytes, isLast, average);
}

function cutFixed(bytes, isLast) {
  const whole = Math.floor(bytes.length / CHUNK_BYTES_MAX);
  const lengths = new Array(whole).fill(CHUNK_BYTES_MAX);
  const rest = bytes.length - whole * CHUNK_BYTES_MAX;
  if (isLast && rest) lengths.push(rest);
  return lengths;
}

/** A chunk that ends with the buffer is certain only where the file ends too. */
function cutByContent(bytes, isLast, average) {
  const lengths = [];
  let at = 0;
  while (at < bytes.length) {
    const length = nextLength(bytes, at, average);
    if (!isLast && at + length === bytes.length) break;
    lengths.push(length);
    at += length;
  }
  return lengths;
}

function nextLength(bytes, start, average) {
  const smallest = average / 4;
  const left = bytes.length - start;
  if (left <= smallest) return left;
  const end = Math.min(left, average * 8, CHUNK_BYTES_MAX);
  const middle = Math.min(average, end);
  const bits = Math.log2(average);
  const state = { high: 0, low: 0 };
  const found =
    scan(bytes, start, smallest, middle, MASKS.get(bits + 1), state) ||
    scan(bytes, start, even(middle), end, MASKS.get(bits - 1), state);
  return found || end;
}

function even(length) {
  return length - (length % 2);
}

/**
 * The first place in [from, to) where the rolling hash has none of the mask's bits; 0 if nowhere.
 * Two bytes a turn: the hash is shifted by two, and the first byte's entry counts double.
 */
function scan(bytes, start, from, to, [maskHigh, maskLow], state) {
  const doubledHigh = (maskHigh << 1) | (maskLow >>> 31);
  const doubledLow = maskLow << 1;
  const last = even(to);
  let { high, low } = state;
  for (let at = from; at < last; at += 2) {
    let byte = bytes[start + at];
    let gear = GEAR_LOW[byte] << 1;
    high = (high << 2) | (low >>> 30);
    low = ((low << 2) + gear) | 0;
    high =
      (high + ((GEAR_HIGH[byte] << 1) | (GEAR_LOW[byte] >>> 31)) + (low >>> 0 < gear >>> 0)) | 0;
    if ((high & doubledHigh) === 0 && (low & doubledLow) === 0) return at;
    byte = bytes[start + at + 1];
    gear = GEAR_LOW[byte];
    low = (low + gear) | 0;
    high = (high + GEAR_HIGH[byte] + (low >>> 0 < gear >>> 0)) | 0;
    if ((high & maskHigh) === 0 && (low & maskLow) === 0) return at + 1;
  }
  state.high = high;
  state.low = low;
  return 0;
}
