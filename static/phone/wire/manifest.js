// Manifests: what a snapshot consists of, as the phone signs it (docs/protocol.md, section 10;
// patent claims 5 and 10).
//
// A manifest is a header and pages. A page lists items and travels, and is kept, as a chunk; the
// header names its pages by SHA-256, so the phone's one signature covers every byte of every item.

import { ed25519, sha256 } from "../../vendor/noble.js";
import { concat, readU32, u32, unutf8, utf8 } from "./bytes.js";
import { CROCKFORD, readAsDigits } from "./crockford.js";
import { ManifestRefused, TokenRefused, TooLarge, refusingAs } from "./errors.js";
import { bytes, charsIn, count, integer, listOf, record, seconds, text } from "./fields.js";
import { stationId, stationIdText } from "./invitation.js";
import { parse, stringify } from "./json.js";
import {
  CHUNK_BYTES_MAX,
  DIGEST_BYTES,
  HEADER_BYTES_MAX,
  ITEMS_MAX,
  ITEM_CHUNKS_MAX,
  ITEM_NAME_BYTES_MAX,
  KEY_BYTES,
  LABEL_CHARS_MAX,
  PAGES_MAX,
  PAGE_BYTES_MAX,
  SOURCE_CHARS_MAX,
} from "./limits.js";
import { Receipt, b64u, isSignedBy, verify } from "./tokens.js";

export const HEADER_FORMAT = "backupstation.manifest/1";
const SIGNATURE_LABEL = utf8("backupstation/1 manifest");
const CHUNK_REF_BYTES = DIGEST_BYTES + 4;
const SNAPSHOT_ID = new RegExp(`^[0-7][${CROCKFORD}]{25}$`);
const TYPE_NAME = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"; // RFC 6838 section 4.2
const MEDIA_TYPE = new RegExp(`^${TYPE_NAME}/${TYPE_NAME}$`);
const CONTROL_CHARACTER = /[\x00-\x1f\x7f-\x9f]/; // Unicode's category Cc

const nanoseconds = integer(-(2n ** 63n), 2n ** 63n - 1n);

/** Nanoseconds are BigInt always: those of today are far outside the exact range of Number. */
const mtimeNs = {
  read: (value) => BigInt(nanoseconds.read(value)),
  write: (value) => nanoseconds.write(value),
};

/**
 * One named file or record stream of a snapshot: `name` is a relative path with `/`; `size` is in
 * bytes; `mtimeNs` is nanoseconds since 1970 UTC; `sha256` is over the whole item; `chunks` is
 * n x (SHA-256 32 | length u32 big-endian), in order.
 */
const item = record({
  name: text(),
  size: count,
  mtimeNs,
  mediaType: text(),
  sha256: bytes(),
  chunks: bytes(),
});
const page = listOf(item);

const header = record({
  format: text(),
  iss: text(),
  sub: text(),
  snapshotId: text(),
  source: text(),
  label: text(),
  created: seconds,
  items: count,
  bytes: count,
  chunks: count,
  pages: listOf(record({ digest: bytes(), length: count, items: count })),
  phoneKey: bytes({ min: KEY_BYTES, max: KEY_BYTES }),
});

/** The packed form of {digest, length} references for an item's `chunks`. */
export function packRefs(refs) {
  const chunks = new Uint8Array(refs.length * CHUNK_REF_BYTES);
  refs.forEach(({ digest, length }, number) => {
    const at = number * CHUNK_REF_BYTES;
    chunks.set(digest, at);
    chunks.set(u32(length), at + DIGEST_BYTES);
  });
  return chunks;
}

/** The {digest, length} references in an item's `chunks`, in order; digests are views. */
export function refsOf({ chunks }) {
  return Array.from({ length: chunkCount({ chunks }) }, (_, number) => {
    const at = number * CHUNK_REF_BYTES;
    return {
      digest: chunks.subarray(at, at + DIGEST_BYTES),
      length: readU32(chunks, at + DIGEST_BYTES),
    };
  });
}

/** How many chunks make up an item. */
export function chunkCount({ chunks }) {
  return Math.floor(chunks.length / CHUNK_REF_BYTES);
}

/** The bytes that one item adds to a page, without a comma. */
export function encodeItem(one) {
  return encoded(item, one);
}

/** The bytes of one manifest page; {@link TooLarge} when it passes the limit of a chunk. */
export function encodePage(items) {
  const bytes = encoded(page, items);
  if (bytes.length > PAGE_BYTES_MAX) throw new TooLarge(`manifest page of ${bytes.length} bytes`);
  return bytes;
}

/** The items of one page, every one of them checked; throws {@link ManifestRefused}. */
export function decodePage(data) {
  if (data.length > PAGE_BYTES_MAX) throw new TooLarge("manifest page");
  const items = decoded("manifest page", page, data);
  items.forEach(checkItem);
  return items;
}

/** The exact bytes that are signed and hashed. */
export function encodeHeader(one) {
  const bytes = encoded(header, one);
  if (bytes.length > HEADER_BYTES_MAX) {
    throw new TooLarge(`manifest header of ${bytes.length} bytes`);
  }
  return bytes;
}

/** Decode and check a header on its own (its pages are checked by {@link decodePage}). */
export function decodeHeader(data) {
  if (data.length > HEADER_BYTES_MAX) throw new TooLarge("manifest header");
  const told = decoded("manifest header", header, data);
  if (told.format !== HEADER_FORMAT) throw new ManifestRefused("unknown manifest format");
  checkSnapshotId(told.snapshotId);
  if (told.pages.length > PAGES_MAX || told.items > ITEMS_MAX) {
    throw new TooLarge("manifest has too many pages or items");
  }
  checkLabel(told.label, told.source);
  if (!told.pages.every(isPageRef)) throw new ManifestRefused("bad page reference");
  const listed = told.pages.reduce((sum, { items }) => sum + BigInt(items), 0n);
  if (listed !== BigInt(told.items)) {
    throw new ManifestRefused("item count does not match the pages");
  }
  return told;
}

/** Throw unless both are short ({@link TooLarge}) and printable ({@link ManifestRefused}). */
export function checkLabel(label, source) {
  if (charsIn(label) > LABEL_CHARS_MAX || charsIn(source) > SOURCE_CHARS_MAX) {
    throw new TooLarge("label or source");
  }
  if (CONTROL_CHARACTER.test(label + source)) {
    throw new ManifestRefused("label or source has a control character");
  }
}

function isPageRef({ digest, length }) {
  return digest.length === DIGEST_BYTES && length > 0 && length <= PAGE_BYTES_MAX;
}

/** SHA-256 of the encoded header: what a receipt confirms. */
export function manifestHash(header) {
  return sha256(header);
}

/** The phone's Ed25519 signature over the label and the encoded header (RFC 8032). */
export function signHeader(key, header) {
  return ed25519.sign(concat(SIGNATURE_LABEL, header), key);
}

/** Throw {@link ManifestRefused} unless `phoneKey` signed exactly these bytes. */
export function checkHeaderSignature(phoneKey, header, signature) {
  if (!isSignedBy(phoneKey, concat(SIGNATURE_LABEL, header), signature)) {
    throw new ManifestRefused("manifest signature is wrong");
  }
}

/**
 * The claims of a receipt; throws {@link TokenRefused} unless this station's key signed for exactly
 * this manifest.
 */
export function checkReceipt(receipt, header, stationKey) {
  const told = decodeHeader(header);
  const claims = verify(receipt, Receipt, [stationKey]);
  const agrees =
    claims.iss === stationIdText(stationId(stationKey)) &&
    claims.snapshotId === told.snapshotId &&
    claims.manifestHash === b64u(manifestHash(header)) &&
    claims.items === told.items &&
    claims.bytes === told.bytes;
  if (!agrees) throw new TokenRefused("the station's receipt is for something else");
  return claims;
}

/** Throw {@link ManifestRefused} unless the item is well-formed by itself. */
export function checkItem(one) {
  checkItemName(one.name);
  if (one.sha256.length !== DIGEST_BYTES || one.chunks.length % CHUNK_REF_BYTES) {
    throw new ManifestRefused(`item ${one.name}: bad digest length`);
  }
  if (!MEDIA_TYPE.test(one.mediaType)) {
    throw new ManifestRefused(`item ${one.name}: not a media type`);
  }
  if (chunkCount(one) > ITEM_CHUNKS_MAX) throw new TooLarge(`item ${one.name} has too many chunks`);
  const lengths = refsOf(one).map(({ length }) => length);
  if (!lengths.every((length) => length > 0 && length <= CHUNK_BYTES_MAX)) {
    throw new ManifestRefused(`item ${one.name}: bad chunk length`);
  }
  if (lengths.reduce((sum, length) => sum + length, 0) !== one.size) {
    throw new ManifestRefused(`item ${one.name}: size is not the sum of its chunks`);
  }
}

/**
 * Throw {@link ManifestRefused} unless `name` is a plain relative path: no empty, `.` or `..` part,
 * no leading slash, no backslash, no control character, no lone surrogate.
 */
export function checkItemName(name) {
  const length = refusingAs(ManifestRefused, "item name", () => utf8(name).length);
  if (length === 0 || length > ITEM_NAME_BYTES_MAX) {
    throw new ManifestRefused("item name is empty or too long");
  }
  if (name.includes("\\") || CONTROL_CHARACTER.test(name)) {
    throw new ManifestRefused("item name has a control character or backslash");
  }
  if (name.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw new ManifestRefused(`item name ${name} is not a plain relative path`);
  }
}

/**
 * Negative, zero or positive as `one` stands before, at or after `other`: by code point, as items
 * stand in a manifest. JavaScript's own order is that of UTF-16.
 */
export function compareNames(one, other) {
  const end = Math.min(one.length, other.length);
  let at = 0;
  while (at < end && one.charCodeAt(at) === other.charCodeAt(at)) at += 1;
  if (at === end) return one.length - other.length;
  // Where units differ, those of a surrogate pair stand above all others.
  return codePointRank(one.charCodeAt(at)) - codePointRank(other.charCodeAt(at));
}

function codePointRank(unit) {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** A snapshot id (16 random bytes) as 26 characters of Crockford base32. */
export function snapshotIdText(raw) {
  const number = raw.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return Array.from({ length: 26 }, (_, at) => {
    return CROCKFORD[Number((number >> BigInt(125 - 5 * at)) & 31n)];
  }).join("");
}

/** Throw {@link ManifestRefused} unless `text` is the text form of 16 bytes. */
export function checkSnapshotId(text) {
  if (!SNAPSHOT_ID.test(text)) throw new ManifestRefused("not a snapshot id");
}

/** What a person typed, as Crockford base32 reads it: upper case, O is 0, I and L are 1. */
export function normaliseSnapshotId(typed) {
  return readAsDigits(typed.trim().replace(/-/g, "").toUpperCase());
}

function encoded(codec, value) {
  return refusingAs(ManifestRefused, "", () => utf8(stringify(codec.write(value))));
}

function decoded(about, codec, data) {
  return refusingAs(ManifestRefused, about, () => codec.read(parse(unutf8(data))));
}
