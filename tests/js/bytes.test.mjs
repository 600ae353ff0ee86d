// Bytes and texts: one text for the same bytes, and nothing else is taken.

import assert from "node:assert/strict";
import test from "node:test";

import * as bytes from "../../static/phone/wire/bytes.js";
import { MalformedMessage } from "../../static/phone/wire/errors.js";

const MIB = 1024 * 1024;
const every = Uint8Array.from({ length: 256 }, (_, value) => value);
const refuses = (work) => assert.throws(work, { constructor: MalformedMessage });

test("base64 of every length is that of node", () => {
  for (let length = 0; length < 256; length += 1) {
    const data = every.subarray(0, length);
    assert.equal(bytes.base64(data), Buffer.from(data).toString("base64"));
    assert.equal(bytes.base64url(data), Buffer.from(data).toString("base64url"));
    assert.deepEqual(bytes.unbase64(bytes.base64(data)), data.slice());
    assert.deepEqual(bytes.unbase64url(bytes.base64url(data)), data.slice());
  }
});

test("base64 of a chunk comes back", () => {
  const data = Uint8Array.from({ length: MIB + 1 }, (_, at) => at * 31 + (at >> 8));
  assert.ok(bytes.equal(bytes.unbase64(bytes.base64(data)), data));
});

for (const text of [
  "A",
  "AA",
  "AAA",
  "A===",
  "====",
  "=",
  "AA=A",
  "AB==",
  "AAB=",
  "AA==\n",
  " AA==",
  "A_==",
  "A-==",
  "AAAA====",
  "AA==AA==",
  "AAA\u0141",
  "AAAé",
]) {
  test(`no base64: ${JSON.stringify(text)}`, () => refuses(() => bytes.unbase64(text)));
}

for (const text of ["A", "AA==", "AB", "AAB", "AA\n", "A+", "A/", "AAAAA", "A\u0141"]) {
  test(`no base64url: ${JSON.stringify(text)}`, () => refuses(() => bytes.unbase64url(text)));
}

test("hexadecimal digits are of lower case and go in pairs", () => {
  assert.equal(bytes.hex(every.subarray(250)), "fafbfcfdfeff");
  assert.deepEqual(bytes.unhex("00ff"), Uint8Array.of(0, 255));
  for (const text of ["0", "0F", "0g", " 00"]) refuses(() => bytes.unhex(text));
});

test("text is UTF-8 in both directions, with its byte order mark", () => {
  for (const text of ["", "爱丽丝 📱", "\ufeffx", "\u0000"]) {
    assert.equal(bytes.unutf8(bytes.utf8(text)), text);
  }
  for (const text of ["\ud800", "\udc00x", "\udc00\ud800"]) refuses(() => bytes.utf8(text));
  for (const data of [[0xff], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xe7, 0x88]]) {
    refuses(() => bytes.unutf8(Uint8Array.from(data)));
  }
});

test("numbers are big-endian", () => {
  for (const number of [0, 1, 0x1234, 0xffff]) {
    assert.equal(bytes.readU16(bytes.u16(number), 0), number);
  }
  for (const number of [0, 0x12345678, 0x80000000, 0xffffffff]) {
    assert.equal(bytes.readU32(bytes.u32(number), 0), number);
  }
  assert.deepEqual(bytes.u32(0x01020304), Uint8Array.of(1, 2, 3, 4));
});
