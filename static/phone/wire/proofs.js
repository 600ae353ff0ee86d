// What a phone signs to prove that it holds its key, each text under its own label
// (docs/protocol.md, section 1). The texts that are signed for the IM server are in im.js.

import { ed25519, sha256 } from "../../vendor/noble.js";
import { concat, utf8 } from "./bytes.js";
import { tokenHash } from "./tokens.js";

const ENROL = utf8("backupstation/1 enrol");
const FIRST = utf8("backupstation/1 first");
const VERIFIED = utf8("backupstation/1 verified");
const DIGITS = utf8("backupstation/1 digits");

/** What the phone signs to become a phone of the invitation owner's account. */
export function enrolText(handshakeHash) {
  return concat(ENROL, handshakeHash);
}

/** What the phone signs beside the first verification information. */
export function firstText(handshakeHash, ticket) {
  return concat(FIRST, handshakeHash, tokenHash(ticket));
}

/** What the phone signs after it has verified the second verification information. */
export function verifiedText(second) {
  return concat(VERIFIED, tokenHash(second));
}

/** The Ed25519 signature (RFC 8032) over one of the texts above, 64 bytes. */
export function prove(key, text) {
  return ed25519.sign(text, key);
}

/** The 32 bytes of the public half of an Ed25519 key. */
export function publicBytes(key) {
  return ed25519.getPublicKey(key);
}

/** The six digits that station and phone both show for one connection. */
export function sixDigits(handshakeHash) {
  const digest = sha256(concat(DIGITS, handshakeHash));
  const number = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0);
  return String(number % 1_000_000n).padStart(6, "0");
}
