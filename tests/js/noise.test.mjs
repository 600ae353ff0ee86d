// A Noise handshake goes on in its order and with its peer, or not at all.

import assert from "node:assert/strict";
import test from "node:test";

import { VerificationFailed } from "../../static/phone/wire/errors.js";
import { HandshakeState, Pattern } from "../../static/phone/wire/noise.js";
import { x25519 } from "../../static/vendor/noble.js";

const s = new Uint8Array(32).fill(0x11);
const psk = new Uint8Array(32).fill(0x44);
const prologue = Uint8Array.of(1, 2, 3);
const nothing = new Uint8Array(0);
const refuses = (work) => assert.throws(work, { constructor: VerificationFailed });

function pair(changes = {}) {
  const shared = { prologue, psk };
  const ephemerals = [0x22, 0x33].map((byte) => new Uint8Array(32).fill(byte));
  const rs = x25519.getPublicKey(s);
  const [one, other] = [
    { ...shared, initiator: true, ephemeral: ephemerals[0], rs },
    { ...shared, initiator: false, ephemeral: ephemerals[1], s, ...changes },
  ];
  return [new HandshakeState(Pattern.NK_PSK0, one), new HandshakeState(Pattern.NK_PSK0, other)];
}

function half(changes) {
  const [phone, station] = pair(changes);
  const hello = phone.writeMessage(nothing);
  return { phone, station, hello };
}

test("nothing out of turn", () => {
  for (const work of [
    ([phone]) => phone.readMessage(new Uint8Array(48)),
    ([, station]) => station.writeMessage(nothing),
    ([phone]) => [phone.writeMessage(nothing), phone.writeMessage(nothing)],
    ([phone]) => phone.split(),
  ]) {
    const sides = pair();
    refuses(() => work(sides));
  }
});

test("nothing after the last message", () => {
  const { phone, station, hello } = half();
  station.readMessage(hello);
  const reply = station.writeMessage(nothing);
  phone.readMessage(reply);
  assert.deepEqual(phone.handshakeHash, station.handshakeHash);
  refuses(() => phone.readMessage(reply));
  refuses(() => station.writeMessage(nothing));
});

test("nothing after a failure, not even the right message", () => {
  const { phone, station, hello } = half();
  station.readMessage(hello);
  const reply = station.writeMessage(nothing);
  refuses(() => phone.readMessage(reply.map((byte, at) => byte ^ Number(at === 40))));
  refuses(() => phone.readMessage(reply));
  refuses(() => phone.split());
});

test("nothing after a message of no possible length", () => {
  const { phone, station, hello } = half();
  station.readMessage(hello);
  refuses(() => phone.readMessage(nothing));
  refuses(() => phone.readMessage(station.writeMessage(nothing)));
});

test("a flipped bit in every byte of the reply", () => {
  for (let bit = 0; bit < 8 * 48; bit += 8) {
    const { phone, station, hello } = half();
    station.readMessage(hello);
    const reply = station.writeMessage(nothing);
    reply[bit >> 3] ^= 1 << ((bit >> 3) % 8);
    // The highest bit of a key is ignored (RFC 7748 section 5), but not by the hash.
    refuses(() => phone.readMessage(reply));
  }
});

test("every length but the right one", () => {
  for (const length of [0, 1, 31, 32, 47, 49, 65_536]) {
    const { phone } = half();
    refuses(() => phone.readMessage(new Uint8Array(length)));
  }
});

test("a key of small order", () => {
  const { phone } = half();
  refuses(() => phone.readMessage(new Uint8Array(48)));
});

test("another secret, prologue or static key", () => {
  for (const changes of [
    { psk: new Uint8Array(32) },
    { prologue: nothing },
    { s: new Uint8Array(32).fill(0x12) },
  ]) {
    const { station, hello } = half(changes);
    refuses(() => station.readMessage(hello));
  }
});

test("keys that do not go with the pattern are a mistake", () => {
  const given = { initiator: true, prologue, ephemeral: s };
  assert.throws(() => new HandshakeState(Pattern.NK_PSK0, { ...given, rs: s }), TypeError);
  assert.throws(() => new HandshakeState(Pattern.NK_PSK0, { ...given, psk }), TypeError);
  assert.throws(() => new HandshakeState(Pattern.NN_PSK0, { ...given, rs: s, psk }), TypeError);
});
