// Signatures that some verifiers of Ed25519 take and this one does not.

import assert from "node:assert/strict";
import test from "node:test";

import { ed25519 } from "../../static/vendor/noble.js";
import { isSignedBy } from "../../static/phone/wire/tokens.js";

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n; // L of RFC 8032 section 5.1
const secret = new Uint8Array(32).fill(5);
const key = ed25519.getPublicKey(secret);
const text = Uint8Array.of(1, 2, 3);
const signature = ed25519.sign(text, secret);

function littleEndian(number) {
  return Uint8Array.from({ length: 32 }, (_, at) => Number((number >> BigInt(8 * at)) & 255n));
}

function readLittleEndian(data) {
  return data.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

test("a signature by the key, over the text", () => {
  assert.ok(isSignedBy(key, text, signature));
  assert.ok(!isSignedBy(key, text.subarray(1), signature));
  assert.ok(!isSignedBy(ed25519.getPublicKey(new Uint8Array(32).fill(6)), text, signature));
});

test("lengths that are none", () => {
  assert.ok(!isSignedBy(key.subarray(1), text, signature));
  assert.ok(!isSignedBy(key, text, signature.subarray(1)));
  assert.ok(!isSignedBy(new Uint8Array(0), text, new Uint8Array(0)));
});

test("the same signature with the group's order added", () => {
  const other = signature.slice();
  other.set(littleEndian(readLittleEndian(signature.subarray(32)) + ORDER), 32);
  assert.ok(!isSignedBy(key, text, other));
});

test("a key of small order, for which one signature fits every text", () => {
  const one = littleEndian(1n); // the neutral element
  const nothing = new Uint8Array(64);
  nothing.set(one);
  assert.ok(!isSignedBy(one, text, nothing));
  assert.ok(!isSignedBy(new Uint8Array(32), text, nothing));
});

test("a key that is not on the curve, or not below the field's prime", () => {
  assert.ok(!isSignedBy(littleEndian(2n), text, signature));
  assert.ok(!isSignedBy(littleEndian(2n ** 255n - 1n), text, signature));
});

test("every flipped bit of a signature", () => {
  for (let bit = 0; bit < 512; bit += 1) {
    const harmed = signature.slice();
    harmed[bit >> 3] ^= 1 << (bit & 7);
    assert.ok(!isSignedBy(key, text, harmed));
  }
});
