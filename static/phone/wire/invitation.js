// Invitations: the connection authentication information that the QR code shows (docs/protocol.md,
// section 3; patent claim 3). The phone decides nothing by its clock: `expires` is for people.

import { hkdf, sha256 } from "../../vendor/noble.js";
import { addressText, isLocal } from "./addresses.js";
import { concat, equal, readU16, readU32, utf8 } from "./bytes.js";
import { MalformedMessage, TokenRefused, VerificationFailed } from "./errors.js";
import {
  INVITATION_ADDRESSES_MAX,
  INVITATION_BYTES_MAX,
  KEY_BYTES,
  PROTOCOL_VERSION,
  SECRET_BYTES,
  SESSION_ID_BYTES,
  SIGNATURE_BYTES,
  STATION_ID_BYTES,
} from "./limits.js";
import { b64u, isSignedBy, unb64u } from "./tokens.js";

export { addressText, isLocal };

const SIGNATURE_LABEL = utf8("backupstation/1 invitation");
const PROLOGUE_LABEL = utf8("backupstation/1");
const PSK_INFO = utf8("backupstation/1 psk");
export const PHONE_PATH = "/phone/";
const LINK_CHARS_MAX = INVITATION_BYTES_MAX * (4 / 3) + 300;
const PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]";
const HOST = String.raw`\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+`;
const ORIGIN_TEXT = `(https?)://(${HOST})(?::(?:${PORT}))?`;
const ORIGIN = new RegExp(`^${ORIGIN_TEXT}$`);
const LINK = new RegExp(`^(${ORIGIN_TEXT})${PHONE_PATH}#([A-Za-z0-9_-]+)$`);
const LOOPBACK_HOST = /^(?:localhost|127\.[0-9.]+|\[::1\])$/;

/** An invitation, its public part or its link is not what a station of this protocol makes. */
export class InvitationRefused extends MalformedMessage {}

/** What an invitation permits; a ticket is for exactly one of them. */
export const Scope = Object.freeze({ BACKUP: 1, RESTORE: 2 });

/** Takes fields off the front of `data`; throws {@link InvitationRefused} at its end. */
class Reader {
  #data;
  #at = 0;

  constructor(data) {
    if (data.length > INVITATION_BYTES_MAX) {
      throw new InvitationRefused("an invitation is too large");
    }
    this.#data = data;
  }

  take(length) {
    const end = this.#at + length;
    if (end > this.#data.length) throw new InvitationRefused("an invitation is truncated");
    const taken = this.#data.slice(this.#at, end);
    this.#at = end;
    return taken;
  }

  u8() {
    return this.take(1)[0];
  }

  /** Everything so far. */
  taken() {
    return this.#data.slice(0, this.#at);
  }

  finish() {
    if (this.#at !== this.#data.length) {
      throw new InvitationRefused("bytes after the end of an invitation");
    }
  }
}

/** A scanned invitation; all fields are as the QR code says, `expires` in seconds since 1970. */
export class Invitation {
  #announced;

  /** Decode strictly; throws {@link InvitationRefused}. Nothing is verified yet. */
  static decode(data) {
    return new Invitation(data);
  }

  constructor(data) {
    const reader = new Reader(data);
    this.version = readVersion(reader);
    this.scope = readScope(reader);
    this.expires = readU32(reader.take(4), 0);
    this.sessionId = reader.take(SESSION_ID_BYTES);
    this.invitationKey = reader.take(KEY_BYTES);
    this.stationId = reader.take(STATION_ID_BYTES);
    this.port = readPort(reader);
    this.addresses = readAddresses(reader);
    this.imOrigin = readImOrigin(reader);
    this.#announced = reader.taken();
    this.signature = reader.take(SIGNATURE_BYTES);
    this.secret = reader.take(SECRET_BYTES);
    reader.finish();
    Object.freeze(this);
  }

  /** The permitted scopes as tickets and messages name them. */
  get scopes() {
    return Object.keys(Scope)
      .filter((name) => this.scope & Scope[name])
      .map((name) => name.toLowerCase());
  }

  /** The bytes of the QR code's payload. */
  encode() {
    return concat(this.#announced, this.signature, this.secret);
  }

  /** The same with SHA-256(secret) in the secret's place: all that ever leaves the phone. */
  publicPart() {
    return concat(this.#announced, this.signature, sha256(this.secret));
  }

  /** The pre-shared key of the Noise handshake: HKDF-SHA256 (RFC 5869) of the secret. */
  psk() {
    return hkdf(sha256, this.secret, this.sessionId, PSK_INFO, KEY_BYTES);
  }

  /** The prologue of the Noise handshake. */
  prologue() {
    return concat(PROLOGUE_LABEL, sha256(this.publicPart()));
  }

  /** Throw {@link VerificationFailed} unless the station with this Ed25519 key made it. */
  verify(stationKey) {
    if (!equal(stationId(stationKey), this.stationId)) {
      throw new VerificationFailed("the invitation names another station");
    }
    const signed = concat(SIGNATURE_LABEL, this.#announced, sha256(this.secret));
    if (!isSignedBy(stationKey, signed, this.signature)) {
      throw new VerificationFailed("the invitation was not made by its station");
    }
  }

  /** Throw {@link InvitationRefused} unless every address is on the local network. */
  checkAddresses() {
    for (const address of this.addresses) {
      if (!isLocal(address)) {
        throw new InvitationRefused(`${addressText(address)} is not on a local network`);
      }
    }
  }

  /** The text of the QR code; `origin` is where the phone page is served. */
  link(origin) {
    return `${origin}${PHONE_PATH}#${b64u(this.encode())}`;
  }
}

function readVersion(reader) {
  const version = reader.u8();
  if (version !== PROTOCOL_VERSION) {
    throw new InvitationRefused(`an invitation of version ${version}`);
  }
  return version;
}

function readScope(reader) {
  const scope = reader.u8();
  if (scope === 0 || scope > (Scope.BACKUP | Scope.RESTORE)) {
    throw new InvitationRefused("an invitation permits backup, restore or both");
  }
  return scope;
}

function readPort(reader) {
  const port = readU16(reader.take(2), 0);
  if (port === 0) throw new InvitationRefused("not a port");
  return port;
}

function readAddresses(reader) {
  const places = reader.u8();
  if (places === 0 || places > INVITATION_ADDRESSES_MAX) {
    throw new InvitationRefused("an invitation names 1 to 8 addresses");
  }
  return Object.freeze(Array.from({ length: places }, () => readAddress(reader)));
}

function readAddress(reader) {
  const family = reader.u8();
  if (family === 4) return reader.take(4);
  if (family === 6) return reader.take(16);
  throw new InvitationRefused(`unknown address family ${family}`);
}

function readImOrigin(reader) {
  const encoded = reader.take(reader.u8());
  const origin = String.fromCharCode(...encoded);
  if (origin) checkImOrigin(origin);
  return origin;
}

/** The {origin, invitation} of a QR code's text; throws {@link InvitationRefused}. */
export function parseLink(link) {
  if (link.length > LINK_CHARS_MAX) throw new InvitationRefused("the link is too long");
  const match = LINK.exec(link);
  if (match === null) throw new InvitationRefused("this is not a backup station's link");
  try {
    return { origin: match[1], invitation: Invitation.decode(unb64u(match[4])) };
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error;
    throw new InvitationRefused("the link is damaged");
  }
}

/** Throw {@link InvitationRefused} unless https, or http on loopback, host and port alone. */
export function checkImOrigin(origin) {
  const match = ORIGIN.exec(origin);
  if (match === null) throw new InvitationRefused("the IM server's origin is not one");
  if (match[1] === "http" && !LOOPBACK_HOST.test(match[2])) {
    throw new InvitationRefused("an IM server elsewhere must be reached by https");
  }
}

/** The 16 bytes that name a station: the start of SHA-256 over its Ed25519 public key. */
export function stationId(publicKey) {
  return sha256(publicKey).slice(0, STATION_ID_BYTES);
}

/** A station id as text: base32 (RFC 4648), lower case, no padding, 26 characters. */
export function stationIdText(identifier) {
  const bits = Array.from(identifier, (byte) => byte.toString(2).padStart(8, "0")).join("");
  return bits
    .padEnd(Math.ceil(bits.length / 5) * 5, "0")
    .replace(/.{5}/g, (five) => "abcdefghijklmnopqrstuvwxyz234567"[Number.parseInt(five, 2)]);
}
