// A zip file (PKWARE APPNOTE 6.3, stored, names in UTF-8) around bytes that stay where they are: it is
// a list of parts for a Blob, so that no file has to be in memory.

import { utf8 } from "./wire/bytes.js";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8_NAMES = 1 << 11;
const EXTENDED_TIME = 0x5455; // Info-ZIP: seconds since 1970 UTC, where the zip's own time is local
const BYTES_MAX = 2 ** 32 - 1;
const ENTRIES_MAX = 2 ** 16 - 1;

/** Whether so many files of together so many bytes fit a zip without its 64-bit extension. */
export function fitsZip(count, bytes) {
  return count <= ENTRIES_MAX && bytes + count * 2500 < BYTES_MAX;
}

/** The Blob parts of a zip with these entries: {name, size, crc, modifiedMs, blob}. */
export function zipParts(entries) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const entry of entries) {
    const head = localHeader(entry);
    parts.push(head, entry.blob);
    directory.push(centralHeader(entry, offset));
    offset += head.length + entry.size;
  }
  const length = directory.reduce((sum, { length: bytes }) => sum + bytes, 0);
  return [...parts, ...directory, ending(entries.length, length, offset)];
}

/** Little-endian fields {u16: n} and {u32: n}, and bytes. */
function packed(...fields) {
  const bytes = [];
  for (const field of fields) {
    if (field instanceof Uint8Array) bytes.push(...field);
    else if ("u16" in field) bytes.push(field.u16 & 255, field.u16 >>> 8);
    else for (let shift = 0; shift < 32; shift += 8) bytes.push((field.u32 >>> shift) & 255);
  }
  return Uint8Array.from(bytes);
}

function common({ size, crc, modifiedMs, name }, extra) {
  const [time, date] = dosTime(new Date(modifiedMs));
  return [
    { u16: VERSION },
    { u16: UTF8_NAMES },
    { u16: 0 },
    { u16: time },
    { u16: date },
    { u32: crc },
    { u32: size },
    { u32: size },
    { u16: utf8(name).length },
    { u16: extra.length },
  ];
}

function localHeader(entry) {
  const extra = extendedTime(entry.modifiedMs);
  return packed({ u32: LOCAL }, ...common(entry, extra), utf8(entry.name), extra);
}

function centralHeader(entry, offset) {
  const extra = extendedTime(entry.modifiedMs);
  const rest = [{ u16: 0 }, { u16: 0 }, { u16: 0 }, { u32: 0 }, { u32: offset }];
  const head = [{ u32: CENTRAL }, { u16: VERSION }, ...common(entry, extra), ...rest];
  return packed(...head, utf8(entry.name), extra);
}

function ending(count, length, offset) {
  return packed(
    { u32: END },
    { u16: 0 },
    { u16: 0 },
    { u16: count },
    { u16: count },
    { u32: length },
    { u32: offset },
    { u16: 0 },
  );
}

function extendedTime(modifiedMs) {
  const seconds = Math.floor(modifiedMs / 1000) | 0;
  return packed({ u16: EXTENDED_TIME }, { u16: 5 }, Uint8Array.of(1), { u32: seconds });
}

/** MS-DOS time and date, local, from 1980 to 2107. */
function dosTime(moment) {
  const year = Math.min(Math.max(moment.getFullYear(), 1980), 2107);
  const time = (moment.getHours() << 11) | (moment.getMinutes() << 5) | (moment.getSeconds() >> 1);
  const date = ((year - 1980) << 9) | ((moment.getMonth() + 1) << 5) | moment.getDate();
  return [time, date];
}
