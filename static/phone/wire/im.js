// The IM server's HTTP calls that a phone makes (docs/protocol.md, section 5): bodies of requests,
// strict reading of replies and refusals, and the texts that are signed. Nothing here connects.
//
//     POST /im/v1/phones       {code, phoneKey, name, proof}         -> {iss, sub, keys}
//     POST /im/v1/connections  {publicPart, phoneKey, scope, proof}  -> {indication, ticket}
//     GET  /im/v1/keys                                               -> JWK set

import { sha256 } from "../../vendor/noble.js";
import { concat, unutf8, utf8 } from "./bytes.js";
import { readAsDigits } from "./crockford.js";
import { MalformedMessage, NotAllowed, TooLarge } from "./errors.js";
import { bytes, listOf, record, text } from "./fields.js";
import { parse, stringify } from "./json.js";
import {
  INVITATION_BYTES_MAX,
  ISSUER_KEYS_MAX,
  KEY_BYTES,
  LABEL_CHARS_MAX,
  SIGNATURE_BYTES,
  TOKEN_BYTES_MAX,
  VERIFICATION_MESSAGE_BYTES_MAX,
} from "./limits.js";
import { name } from "./messages.js";
import { keysFromJwkSet, scope } from "./tokens.js";

export const PHONES_PATH = "/im/v1/phones";
export const CONNECTIONS_PATH = "/im/v1/connections";
export const KEYS_PATH = "/im/v1/keys";
/** The most that a request or a reply may be. */
export const BODY_BYTES_MAX = VERIFICATION_MESSAGE_BYTES_MAX;

const CONNECT = utf8("backupstation/1 connect");
const ENROL_CODE = utf8("backupstation/1 enrol-code");
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\p{Zs}]/u;

const key = bytes({ min: KEY_BYTES, max: KEY_BYTES });
const proof = bytes({ min: SIGNATURE_BYTES, max: SIGNATURE_BYTES });
const iss = text({ min: 1, max: 200 });
const token = text({ min: 1, max: TOKEN_BYTES_MAX });

const EnrolRequest = record({ code: text({ min: 1, max: 64 }), phoneKey: key, name, proof });
const EnrolReply = record({ iss, sub: iss, keys: listOf(key, { min: 1, max: ISSUER_KEYS_MAX }) });
const ConnectRequest = record({
  publicPart: bytes({ min: 1, max: INVITATION_BYTES_MAX + 32 }),
  phoneKey: key,
  scope,
  proof,
});
const ConnectReply = record({ indication: token, ticket: token });
const ErrorReply = record({ code: text(), message: text() });

/** Why the IM server refused: names that travel as an error reply's `code`. */
export const REFUSALS = Object.freeze([
  "malformed",
  "too_large",
  "wrong_method",
  "not_json",
  "too_many",
  "station_unknown",
  "station_revoked",
  "signature_wrong",
  "invitation_expired",
  "address_public",
  "phone_unknown",
  "phone_revoked",
  "proof_wrong",
  "scope_not_allowed",
  "session_taken",
  "code_unknown",
  "code_expired",
  "code_used",
  "key_taken",
  "unknown",
]);

/** The IM server's refusal: `refusal` is one of {@link REFUSALS}, the message is for people. */
export class Refused extends NotAllowed {
  constructor(refusal, message) {
    super(message);
    this.refusal = refusal;
  }
}

/** The body that asks to become a phone of the account of a canonical one-time code. */
export function encodeEnrolRequest(request) {
  return encode(EnrolRequest, request);
}

/** The body that asks for a ticket. */
export function encodeConnectRequest(request) {
  return encode(ConnectRequest, request);
}

/** {iss, sub, keys}: the account that the phone now belongs to, and the issuer's keys to pin. */
export function decodeEnrolReply(body) {
  return EnrolReply.read(parsed(body));
}

/** {indication, ticket}, both tokens by the issuer. */
export function decodeConnectReply(body) {
  return ConnectReply.read(parsed(body));
}

/** The issuer's Ed25519 public keys, as the IM server publishes them. */
export function decodeKeys(body) {
  return keysFromJwkSet(parsed(body));
}

/** The {@link Refused} that an error response stands for, whatever its body is. */
export function refusalFrom(body) {
  try {
    const { code, message } = ErrorReply.read(parsed(body));
    const isKnown = REFUSALS.includes(code);
    return new Refused(isKnown ? code : "unknown", isKnown ? shown(message) : "");
  } catch (error) {
    if (!(error instanceof MalformedMessage || error instanceof TooLarge)) throw error;
    return new Refused("unknown", "");
  }
}

/** What of a stranger's sentence may be shown. */
function shown(message) {
  const kept = [...message].filter((char) => char === " " || !UNPRINTABLE.test(char));
  return kept.slice(0, LABEL_CHARS_MAX).join("");
}

function encode(codec, request) {
  return utf8(stringify(codec.write(request)));
}

function parsed(body) {
  if (body.length > BODY_BYTES_MAX) throw new TooLarge(`body of ${body.length} bytes`);
  return parse(unutf8(body));
}

/** A code as it is signed and sent, from what a person typed: case, spaces and dashes aside. */
export function canonicalCode(typed) {
  return readAsDigits(typed.toUpperCase().replace(/[- ]/g, "").trim());
}

/** What the phone signs to ask the issuer `iss` for a ticket of this scope. */
export function connectProofText(iss, publicPart, scope) {
  return concat(CONNECT, sha256(utf8(iss)), sha256(publicPart), utf8(scope));
}

/** What the phone signs to enrol by a canonical one-time code. */
export function enrolCodeProofText(code) {
  return concat(ENROL_CODE, sha256(utf8(code)));
}
