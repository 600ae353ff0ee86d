// Control messages (docs/protocol.md, section 9): what a station may send is decoded strictly, what
// a phone sends is encoded. An unknown type, an unknown field or a missing one is MalformedMessage.
//
// A message is an object with its `type` and its fields in camelCase; bytes are Uint8Array.

import { unutf8, utf8 } from "./bytes.js";
import { MalformedMessage, TooLarge } from "./errors.js";
import {
  bytes,
  count,
  integer,
  isObject,
  listOf,
  oneOf,
  optional,
  orEmpty,
  record,
  reference,
  seconds,
  text,
  tuple,
} from "./fields.js";
import { parse, stringify } from "./json.js";
import {
  CONTROL_BYTES_MAX,
  DIGEST_BYTES,
  HAVE_DIGESTS_MAX,
  NAME_CHARS_MAX,
  SELECTION_NAMES_MAX,
} from "./limits.js";
import { scope } from "./tokens.js";

// Names are shown on pages and in terminals: no control characters, no text direction overrides.
const SHOWN = /^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+$/;
export const name = text({ max: NAME_CHARS_MAX, pattern: SHOWN });
const names = orEmpty(listOf(text(), { max: SELECTION_NAMES_MAX }));

/** Chosen items: exact names, and folders whose whole content is meant. */
const selection = record({ items: names, under: names });
const binding = record({ snapshotId: text(), selection: optional(selection) });
const summary = record({
  snapshotId: text(),
  source: text(),
  label: text(),
  created: seconds,
  stored: seconds,
  items: count,
  bytes: count,
});
const want = tuple({ item: count, first: count, count });

const BOTH = {
  ping: record({}),
  pong: record({}),
  bye: record({}),
  error: record({ code: integer(0, 65_535), message: text(), ref: optional(reference) }),
  ack: record({ bytes: count }),
};

const FROM_STATION = {
  ...BOTH,
  follow_up: record({ invitation: bytes() }),
  pending: record({ reason: oneOf("enrol", "link"), seconds }),
  enrolled: record({
    iss: text(),
    sub: text(),
    keys: listOf(bytes()),
    stationName: text(),
    invitation: bytes(),
  }),
  second: record({ token: text() }),
  open: record({
    scope,
    window: count,
    free: count,
    stationName: text(),
    binding: optional(binding),
  }),
  "backup.ready": record({ snapshotId: text(), invitation: bytes() }),
  "chunks.lack": record({ start: reference, refs: listOf(reference) }),
  "backup.stored": record({ receipt: text(), received: count, held: count }),
  "snapshots.page": record({ page: count, pages: count, snapshots: listOf(summary) }),
  "snapshot.manifest": record({
    header: bytes(),
    signature: bytes(),
    receipt: text(),
    pages: listOf(count),
  }),
};

const FROM_PHONE = {
  ...BOTH,
  enrol: record({ phoneKey: bytes(), name, proof: bytes() }),
  first: record({ ticket: text(), phoneKey: bytes(), proof: bytes() }),
  verified: record({ proof: bytes() }),
  "backup.begin": record({
    snapshotId: text(),
    source: text(),
    label: text(),
    items: count,
    bytes: count,
  }),
  "chunks.have": record({ start: reference, digests: bytes() }),
  "backup.commit": record({ header: bytes(), signature: bytes() }),
  "snapshots.list": record({ page: count }),
  "snapshot.get": record({ snapshotId: text(), selection: optional(selection) }),
  "chunks.get": record({ snapshotId: text(), start: reference, wants: listOf(want) }),
  "restore.done": record({ snapshotId: text(), verified: count, failed: count }),
};

const STATION_TYPES = new Map(Object.entries(FROM_STATION));
const PHONE_TYPES = new Map(Object.entries(FROM_PHONE));

/**
 * The JSON of a message that a phone sends, as UTF-8. Throws {@link MalformedMessage} for what the
 * station would refuse and {@link TooLarge} above the limit of a control frame.
 */
export function encode({ type, ...fields }) {
  const codec = PHONE_TYPES.get(type);
  if (codec === undefined) throw new MalformedMessage(`a phone sends no ${type}`);
  const encoded = utf8(stringify({ type, ...codec.write(fields) }));
  if (encoded.length > CONTROL_BYTES_MAX) {
    throw new TooLarge(`control message of ${encoded.length} bytes`);
  }
  return encoded;
}

/** Decode strictly what a station may send; throws {@link MalformedMessage}. */
export function decodeFromStation(payload) {
  if (payload.length > CONTROL_BYTES_MAX) throw new TooLarge("control message");
  const value = parse(unutf8(payload));
  const codec = isObject(value) ? STATION_TYPES.get(value.type) : undefined;
  if (codec === undefined) throw new MalformedMessage("control message: unknown type");
  const { type } = value;
  delete value.type;
  return Object.freeze({ type, ...codec.read(value) });
}

/** Whether the item called `name` is chosen by a {items, under} selection. */
export function covers({ items = [], under = [] }, name) {
  return (
    items.includes(name) ||
    under.some((folder) => name.startsWith(`${folder.replace(/\/+$/, "")}/`))
  );
}

/** What `digests` is in a `chunks.have`; throws {@link TooLarge} for more than it may carry. */
export function joinDigests(digests) {
  if (digests.length > HAVE_DIGESTS_MAX) {
    throw new TooLarge("more digests than one message may carry");
  }
  const joined = new Uint8Array(digests.length * DIGEST_BYTES);
  digests.forEach((digest, number) => joined.set(digest, number * DIGEST_BYTES));
  return joined;
}
