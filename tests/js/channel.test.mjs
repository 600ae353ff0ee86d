// The channel: structure is checked before anything is decrypted, and frames before they are used.

import assert from "node:assert/strict";
import test from "node:test";

import { concat, u32 } from "../../static/phone/wire/bytes.js";
import * as channel from "../../static/phone/wire/channel.js";
import { CipherState } from "../../static/phone/wire/cipher.js";
import { MalformedMessage, TooLarge, VerificationFailed } from "../../static/phone/wire/errors.js";
import * as limits from "../../static/phone/wire/limits.js";

const key = new Uint8Array(32).fill(7);
const other = new Uint8Array(32).fill(8);
const pair = () => [
  new channel.Channel(new CipherState(key), new CipherState(other), key),
  new channel.Channel(new CipherState(other), new CipherState(key), key),
];
const filled = (length) => Uint8Array.from({ length }, (_, at) => at * 7 + (at >> 8));
const FULL = limits.NOISE_PLAINTEXT_BYTES_MAX;

for (const length of [1, 2, FULL - 1, FULL, FULL + 1, 3 * FULL, channel.MAX_PLAINTEXT]) {
  test(`${length} bytes come back, twice, both ways`, () => {
    const [phone, station] = pair();
    for (const [sender, receiver] of [
      [phone, station],
      [station, phone],
      [phone, station],
    ]) {
      const message = sender.seal(filled(length));
      assert.ok(message.length <= limits.WEBSOCKET_MESSAGE_BYTES_MAX);
      assert.deepEqual(receiver.open(message), filled(length));
    }
  });
}

test("what was opened stays what it was", () => {
  const [phone, station] = pair();
  const first = station.open(phone.seal(filled(70_000)));
  station.open(phone.seal(new Uint8Array(70_000)));
  assert.deepEqual(first, filled(70_000));
});

test("a full message is as long as a message may be", () => {
  const [phone] = pair();
  const message = phone.seal(filled(channel.MAX_PLAINTEXT));
  assert.equal(message.length, limits.WEBSOCKET_MESSAGE_BYTES_MAX);
  for (const length of [0, channel.MAX_PLAINTEXT + 1]) {
    assert.throws(() => phone.seal(new Uint8Array(length)), { constructor: TooLarge });
  }
});

test("a largest chunk fits one message", () => {
  const overhead = channel.DATA_FRAME_OVERHEAD;
  assert.ok(limits.CHUNK_BYTES_MAX + overhead <= channel.MAX_PLAINTEXT);
});

const WRONG = {
  nothing: [],
  "half a length": [0],
  "a length alone": [0, 17],
  "a length beyond the message": [0, 18, ...new Array(17).fill(0)],
  "a tag without anything": [0, 16, ...new Array(16).fill(0)],
  "an empty Noise message": [0, 0],
  "a short one before the last": [0, 17, ...new Array(17).fill(0), 0, 17, ...new Array(17).fill(0)],
  "bytes after the last": [0, 17, ...new Array(17).fill(0), 1],
};
for (const [name, data] of Object.entries(WRONG)) {
  test(`refused before it is decrypted: ${name}`, () => {
    const [phone, station] = pair();
    assert.throws(() => phone.open(Uint8Array.from(data)), { constructor: MalformedMessage });
    // No nonce was taken.
    assert.deepEqual(phone.open(station.seal(filled(3))), filled(3));
  });
}

test("a message above the limit is refused by its length", () => {
  const [phone] = pair();
  const message = new Uint8Array(limits.WEBSOCKET_MESSAGE_BYTES_MAX + 1);
  assert.throws(() => phone.open(message), { constructor: TooLarge });
});

test("every flipped bit is noticed", () => {
  const [phone] = pair();
  const message = phone.seal(filled(8));
  for (let bit = 0; bit < 8 * message.length; bit += 1) {
    const harmed = message.slice();
    harmed[bit >> 3] ^= 1 << (bit & 7);
    const [, station] = pair();
    assert.throws(
      () => station.open(harmed),
      (error) => error instanceof (bit < 16 ? MalformedMessage : VerificationFailed),
    );
  }
});

test("frames are views of what they came in", () => {
  const chunk = filled(1000);
  const plaintext = concat(
    channel.controlFrame(Uint8Array.of(1, 2)),
    channel.dataFrame(0xfffffffe, chunk),
    channel.controlFrame(new Uint8Array(0)),
  );
  const [control, data, empty] = channel.frames(plaintext);
  assert.deepEqual([control.type, data.type], [channel.FrameType.CONTROL, channel.FrameType.DATA]);
  assert.deepEqual(control.payload, Uint8Array.of(1, 2));
  assert.deepEqual(channel.splitData(data.payload), { ref: 0xfffffffe, chunk });
  assert.equal(data.payload.buffer, plaintext.buffer);
  assert.equal(empty.payload.length, 0);
  assert.deepEqual(channel.frames(new Uint8Array(0)), []);
});

test("frames that lie are refused", () => {
  const frame = (type, length, payload = []) => concat([type], u32(length), payload);
  for (const data of [
    [0],
    [0, 0, 0, 0],
    frame(0, 1),
    frame(1, 0xffffffff, [1]),
    frame(2, 0),
    frame(255, 1, [0]),
    concat(frame(0, 0), [0]),
  ]) {
    const plaintext = Uint8Array.from(data);
    assert.throws(() => channel.frames(plaintext), { constructor: MalformedMessage });
  }
  const long = frame(0, limits.CONTROL_BYTES_MAX + 1, new Uint8Array(limits.CONTROL_BYTES_MAX + 1));
  assert.throws(() => channel.frames(long), { constructor: TooLarge });
  const size = limits.DATA_REF_BYTES + limits.CHUNK_BYTES_MAX + 1;
  assert.throws(() => channel.frames(frame(1, size, new Uint8Array(size))), {
    constructor: TooLarge,
  });
  assert.throws(() => channel.splitData(new Uint8Array(3)), { constructor: MalformedMessage });
});

test("what passes a limit is not sent", () => {
  const refused = [
    () => channel.controlFrame(new Uint8Array(limits.CONTROL_BYTES_MAX + 1)),
    () => channel.dataFrameHeader(0, limits.CHUNK_BYTES_MAX + 1),
  ];
  for (const work of refused) assert.throws(work, { constructor: TooLarge });
});
