// Messages and requests that a phone must not send, and what it may leave out.

import assert from "node:assert/strict";
import test from "node:test";

import { utf8, unutf8 } from "../../static/phone/wire/bytes.js";
import { MalformedMessage, TooLarge } from "../../static/phone/wire/errors.js";
import * as im from "../../static/phone/wire/im.js";
import * as messages from "../../static/phone/wire/messages.js";

const id = "00D1G52VC9ZKX8QJ5M7R3T4W6Y";
const proof = new Uint8Array(64);
const begin = { type: "backup.begin", snapshotId: id, source: "s", label: "l", items: 1, bytes: 2 };
const WRONG = {
  "no type": {},
  "a type of stations": { type: "second", token: "x" },
  "a name of every object": { type: "constructor" },
  "a field too few": { type: "ack" },
  "a field too many": { type: "ping", x: 1 },
  "a field in another spelling": { ...begin, snapshot_id: id },
  "a negative number": { type: "ack", bytes: -1 },
  "a fraction": { type: "ack", bytes: 0.5 },
  "a number that is not exact": { type: "ack", bytes: 2 ** 53 },
  "a number beyond 64 bits": { type: "ack", bytes: 2n ** 63n },
  "text for a number": { type: "ack", bytes: "1" },
  "a reference of 33 bits": { type: "chunks.have", start: 2 ** 32, digests: new Uint8Array(32) },
  "text for bytes": { type: "verified", proof: "AAAA" },
  "a lone surrogate": { ...begin, label: "\ud800" },
  "a name with an override": { type: "enrol", phoneKey: proof, name: "a\u202eb", proof },
  "an empty name": { type: "enrol", phoneKey: proof, name: "", proof },
  "a long name": { type: "enrol", phoneKey: proof, name: "📱".repeat(101), proof },
  "too many names": {
    type: "snapshot.get",
    snapshotId: id,
    selection: { items: new Array(2001).fill("a") },
  },
};
for (const [name, message] of Object.entries(WRONG)) {
  test(`not sent: ${name}`, () => {
    assert.throws(() => messages.encode(message), { constructor: MalformedMessage });
  });
}

test("numbers may be BigInt, and a name of a hundred signs is one", () => {
  const sent = unutf8(messages.encode({ ...begin, bytes: 2n ** 63n - 1n }));
  assert.match(sent, /"bytes":9223372036854775807/);
  assert.ok(messages.encode({ type: "enrol", phoneKey: proof, name: "📱".repeat(100), proof }));
});

test("what is optional is left out", () => {
  const get = { type: "snapshot.get", snapshotId: id };
  const text = `{"type":"snapshot.get","snapshot_id":"${id}"`;
  assert.equal(unutf8(messages.encode(get)), `${text}}`);
  assert.equal(unutf8(messages.encode({ ...get, selection: null })), `${text}}`);
  const one = unutf8(messages.encode({ ...get, selection: { under: ["a"] } }));
  assert.equal(one, `${text},"selection":{"under":["a"]}}`);
});

test("a control message has a limit in both directions", () => {
  const digests = new Uint8Array(400_000);
  const have = { type: "chunks.have", start: 0, digests };
  assert.throws(() => messages.encode(have), { constructor: TooLarge });
  const long = utf8(`{"type":"ping"}${" ".repeat(524_288)}`);
  assert.throws(() => messages.decodeFromStation(long), { constructor: TooLarge });
});

test("what was decoded does not change", () => {
  const page = messages.decodeFromStation(
    utf8('{"type":"snapshots.page","page":0,"pages":1,"snapshots":[]}'),
  );
  assert.throws(() => page.snapshots.push(1), TypeError);
  assert.throws(() => {
    page.page = 1;
  }, TypeError);
});

test("a selection covers what it names and what is in its folders", () => {
  const chosen = { items: ["a"], under: ["b/", "c"] };
  for (const name of ["a", "b/x", "c/x/y"]) assert.ok(messages.covers(chosen, name));
  for (const name of ["aa", "b", "c", "cc/x", "d"]) assert.ok(!messages.covers(chosen, name));
  assert.ok(!messages.covers({}, "a"));
});

test("4,096 digests fit a message, and no more", () => {
  const digests = new Array(4096).fill(new Uint8Array(32).fill(1));
  assert.equal(messages.joinDigests(digests).length, 4096 * 32);
  assert.throws(() => messages.joinDigests([...digests, digests[0]]), { constructor: TooLarge });
});

test("a body has a limit", () => {
  const body = utf8(`{"indication":"a","ticket":"b"}${" ".repeat(im.BODY_BYTES_MAX)}`);
  assert.throws(() => im.decodeConnectReply(body), { constructor: TooLarge });
  assert.equal(im.refusalFrom(body).refusal, "unknown");
});

test("a stranger's sentence is shown without what could mislead", () => {
  const reply = { code: "code_used", message: `a\u202eb\u0000 ${"x".repeat(300)}` };
  const { message } = im.refusalFrom(utf8(JSON.stringify(reply)));
  assert.equal(message, `ab ${"x".repeat(197)}`);
});
