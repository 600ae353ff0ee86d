// An invitation is its station's, whole, and leads into the local network.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { addressText, isLocal } from "../../static/phone/wire/addresses.js";
import { unhex, utf8 } from "../../static/phone/wire/bytes.js";
import { MalformedMessage, VerificationFailed } from "../../static/phone/wire/errors.js";
import { decodeKeys } from "../../static/phone/wire/im.js";
import {
  Invitation,
  InvitationRefused,
  parseLink,
  stationId,
} from "../../static/phone/wire/invitation.js";
import { ed25519 } from "../../static/vendor/noble.js";

const url = new URL("../vectors/invitation.json", import.meta.url);
const vectors = JSON.parse(readFileSync(url, "utf8"));
const encoded = unhex(vectors.invitations[1].encoded);
const stationKey = unhex(vectors.station_public_key);
const link = vectors.invitations[1].link;

test("a changed bit in any byte: not decoded, or not the station's", () => {
  for (let at = 0; at < encoded.length; at += 1) {
    const changed = encoded.slice();
    changed[at] ^= 1 << (at % 8);
    assert.throws(
      () => Invitation.decode(changed).verify(stationKey),
      (error) => error instanceof InvitationRefused || error instanceof VerificationFailed,
      `byte ${at}`,
    );
  }
});

test("another station's key, though the invitation names that station", () => {
  const other = ed25519.getPublicKey(new Uint8Array(32).fill(3));
  const wrong = { constructor: VerificationFailed };
  assert.throws(() => Invitation.decode(encoded).verify(other), wrong);
  const changed = encoded.slice();
  changed.set(stationId(other), 54);
  assert.throws(() => Invitation.decode(changed).verify(other), wrong);
});

test("the key must be the one that the invitation names, whatever it signed", () => {
  const secret = new Uint8Array(32).fill(3);
  const other = ed25519.getPublicKey(secret);
  const invitation = Invitation.decode(encoded);
  const part = invitation.publicPart();
  const text = [utf8("backupstation/1 invitation"), part.slice(0, -96), part.slice(-32)];
  const signature = ed25519.sign(Uint8Array.from(text.flatMap((one) => [...one])), secret);
  const forged = encoded.slice();
  forged.set(signature, encoded.length - 80);
  assert.throws(() => Invitation.decode(forged).verify(other), /names another station/);
});

const address = (text) =>
  text.includes(":")
    ? unhex(
        text
          .split(":")
          .map((group) => group.padStart(4, "0"))
          .join(""),
      )
    : Uint8Array.from(text.split(".").map(Number));

for (const text of [
  "10.0.0.0",
  "10.255.255.255",
  "127.0.0.1",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.0.0",
  "169.254.9.9",
  "fe80:0:0:0:0:0:0:1",
  "febf:ffff:0:0:0:0:0:1",
  "fc00:0:0:0:0:0:0:1",
  "fdff:0:0:0:0:0:0:1",
  "0:0:0:0:0:0:0:1",
]) {
  test(`local: ${text}`, () => assert.ok(isLocal(address(text))));
}

for (const text of [
  "9.255.255.255",
  "11.0.0.0",
  "126.0.0.1",
  "128.0.0.1",
  "172.15.255.255",
  "172.32.0.0",
  "192.167.0.1",
  "192.169.0.1",
  "169.253.0.1",
  "169.255.0.1",
  "0.0.0.0",
  "8.8.8.8",
  "255.255.255.255",
  "224.0.0.1",
  "100.64.0.1",
  "fe7f:0:0:0:0:0:0:1",
  "fec0:0:0:0:0:0:0:1",
  "fbff:0:0:0:0:0:0:1",
  "fe00:0:0:0:0:0:0:1",
  "ff02:0:0:0:0:0:0:1",
  "0:0:0:0:0:0:0:0",
  "0:0:0:0:0:0:0:2",
  "1:0:0:0:0:0:0:1",
  "2001:db8:0:0:0:0:0:1",
  "0:0:0:0:0:ffff:c0a8:114",
]) {
  test(`not local: ${text}`, () => assert.ok(!isLocal(address(text))));
}

test("addresses as RFC 5952 writes them", () => {
  const texts = {
    "0:0:0:0:0:0:0:0": "::",
    "0:0:0:0:0:0:0:1": "::1",
    "fe80:0:0:0:0:0:0:0": "fe80::",
    "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
    "2001:0:0:1:0:0:0:1": "2001:0:0:1::1",
    "2001:0:0:1:1:0:0:1": "2001::1:1:0:0:1",
  };
  for (const [long, short] of Object.entries(texts))
    assert.equal(addressText(address(long)), short);
  assert.equal(addressText(Uint8Array.of(10, 0, 0, 7)), "10.0.0.7");
});

test("an address outside the network is decoded and then refused", () => {
  const changed = encoded.slice();
  changed[74] = 11; // of 10.0.0.7
  const invitation = Invitation.decode(changed);
  assert.throws(() => invitation.checkAddresses(), { constructor: InvitationRefused });
});

for (const wrong of [
  "",
  "x",
  link.slice(1),
  ` ${link}`,
  `${link}\n`,
  `${link}=`,
  link.slice(0, -1),
  link.replace("/phone/", "/other/"),
  link.replace("#", "?"),
  link.replace("http:", "ftp:"),
  link.replace("//", "//user@"),
  link.replace(/:\d+\//, ":0/"),
  link.replace(/:\d+\//, ":65536/"),
  `${link}${"A".repeat(2000)}`,
]) {
  test(`no link: ${wrong.slice(0, 40)}`, () => {
    assert.throws(() => parseLink(wrong), { constructor: InvitationRefused });
  });
}

test("one to four published keys", () => {
  const jwk = { kty: "OKP", crv: "Ed25519", x: "A".repeat(43), more: [1.5] };
  const published = (keys) => utf8(JSON.stringify({ keys }));
  for (const count of [1, 4]) {
    assert.equal(decodeKeys(published(new Array(count).fill(jwk))).length, count);
  }
  for (const keys of [
    [],
    new Array(5).fill(jwk),
    {},
    null,
    [{ ...jwk, crv: "X25519" }],
    [{ ...jwk, kty: "EC" }],
    [{ ...jwk, x: "A".repeat(42) }],
    [jwk, { ...jwk, x: 1 }],
    [[]],
  ]) {
    assert.throws(() => decodeKeys(published(keys)), { constructor: MalformedMessage });
  }
});
