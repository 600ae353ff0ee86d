// Tokens: compact JWS (RFC 7515) by EdDSA over Ed25519 (RFC 8037), read in the order of
// docs/protocol.md, section 4. Nothing is ever taken from a token's header. The phone signs none.

import { ed25519, sha256 } from "../../vendor/noble.js";
import { base64url, unbase64url, unutf8, utf8 } from "./bytes.js";
import { MalformedMessage, TokenRefused, refusingAs } from "./errors.js";
import { count, integer, isObject, listOf, oneOf, record, seconds, text } from "./fields.js";
import { parse } from "./json.js";
import { ISSUER_KEYS_MAX, KEY_BYTES, SIGNATURE_BYTES, TOKEN_BYTES_MAX } from "./limits.js";

const ALGORITHM = "EdDSA";
const NOT_ASCII = /[^\x00-\x7f]/;

export const scope = oneOf("backup", "restore");
const port = integer(1, 65_535);

/**
 * The first verification information, by the issuer for one phone, station and session.
 *
 * `sub` is the account id, `aud` the station id, `cnf` the phone key's thumbprint,
 * `spk` = SHA-256(invitation public key), `inv` = SHA-256(public part of the invitation).
 */
export const Ticket = kind("backupstation-ticket+jwt", {
  iss: text(),
  sub: text(),
  aud: text(),
  sid: text(),
  jti: text(),
  iat: seconds,
  exp: seconds,
  cnf: text(),
  spk: text(),
  inv: text(),
  scope,
});

/** The connection indication: which station the phone may connect to, and where. */
export const Indication = kind("backupstation-indication+jwt", {
  iss: text(),
  stationId: text(),
  stationName: text(),
  stationKey: text(),
  sid: text(),
  addresses: listOf(text()),
  port,
  exp: seconds,
});

/**
 * The second verification information, by the station key, from the account id `sub`.
 *
 * `nonce` is the Noise handshake hash, `ath` = SHA-256(ticket).
 */
export const SecondInfo = kind("backupstation-second+jwt", {
  iss: text(),
  sub: text(),
  aud: text(),
  sid: text(),
  nonce: text(),
  ath: text(),
});

/**
 * The station's word that a snapshot is durable.
 *
 * `manifestHash` = SHA-256(manifest header); `previous` = SHA-256 of the account's receipt before
 * this one, empty for the first, whose `sequence` is 1; `stored` is when.
 */
export const Receipt = kind("backupstation-receipt+jwt", {
  iss: text(),
  snapshotId: text(),
  manifestHash: text(),
  sequence: count,
  previous: text(),
  items: count,
  bytes: count,
  stored: seconds,
});

function kind(typ, claims) {
  return Object.freeze({ typ, claims: record(claims) });
}

/**
 * The claims, if the form is right and one of `keys` (Ed25519, 32 bytes each) signed it.
 *
 * Throws {@link TokenRefused}. Whether the claims fit the occasion is the caller's to check.
 */
export function verify(token, kind, keys) {
  if (token.length > TOKEN_BYTES_MAX || NOT_ASCII.test(token)) {
    throw new TokenRefused("a token's size or characters are wrong");
  }
  const parts = token.split(".");
  if (parts.length !== 3) throw new TokenRefused("a token has three parts");
  const [header, claims, signature] = parts.map(unb64u);
  checkHeader(header, kind);
  const signed = utf8(token.slice(0, token.lastIndexOf(".")));
  if (!keys.some((key) => isSignedBy(key, signed, signature))) {
    throw new TokenRefused(`no accepted key signed this ${kind.typ}`);
  }
  return refusingAs(TokenRefused, kind.typ, () => kind.claims.read(parse(unutf8(claims))));
}

function checkHeader(encoded, kind) {
  const header = refusingAs(TokenRefused, "header", () => parse(unutf8(encoded)));
  const fits =
    isObject(header) &&
    Object.keys(header).length === 2 &&
    header.alg === ALGORITHM &&
    header.typ === kind.typ;
  if (!fits) throw new TokenRefused(`the header is not that of a ${kind.typ}`);
}

/**
 * Whether `signature` is the Ed25519 signature of `key` over `signed` (RFC 8032 section 5.1.7): the
 * only encoding of it, by a key that is no point of small order.
 */
export function isSignedBy(key, signed, signature) {
  if (key.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  return ed25519.verify(signature, signed, key, { zip215: false });
}

/** SHA-256 of the token's characters, as `ath` and the proofs use it. */
export function tokenHash(token) {
  return sha256(utf8(token));
}

/** Base64url without padding (RFC 4648 section 5). */
export const b64u = base64url;

/** The bytes of a canonical base64url text; throws {@link TokenRefused} for any other. */
export function unb64u(encoded) {
  return refusingAs(TokenRefused, "", () => unbase64url(encoded));
}

/** The JWK thumbprint (RFC 7638) of an Ed25519 public key, base64url. */
export function thumbprint(publicKey) {
  return b64u(sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${b64u(publicKey)}"}`)));
}

/** The Ed25519 public keys of a parsed JWK set (RFC 7517); throws {@link MalformedMessage}. */
export function keysFromJwkSet(published) {
  const entries = isObject(published) ? published.keys : null;
  if (!Array.isArray(entries) || entries.length === 0 || entries.length > ISSUER_KEYS_MAX) {
    throw new MalformedMessage("JWK set: not 1 to 4 keys");
  }
  return entries.map(keyFromJwk);
}

/** Members other than these three are ignored, as RFC 7517 section 4 asks. */
function keyFromJwk(entry) {
  if (!isObject(entry) || entry.kty !== "OKP" || entry.crv !== "Ed25519") {
    throw new MalformedMessage("JWK set: a key is not Ed25519");
  }
  const key = typeof entry.x === "string" ? unbase64url(entry.x) : new Uint8Array(0);
  if (key.length !== KEY_BYTES) throw new MalformedMessage("JWK set: a key has the wrong length");
  return key;
}
