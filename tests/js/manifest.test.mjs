// Manifests as the phone makes them; what it must not believe is compared with Python elsewhere.

import assert from "node:assert/strict";
import test from "node:test";

import { ManifestRefused, TooLarge } from "../../static/phone/wire/errors.js";
import * as limits from "../../static/phone/wire/limits.js";
import * as manifest from "../../static/phone/wire/manifest.js";

const digest = new Uint8Array(32).fill(9);
const refs = [
  { digest, length: 983_040 },
  { digest: digest.map((byte) => byte + 1), length: 1 },
];
const item = Object.freeze({
  name: "Chats/爱丽丝.txt",
  size: 983_041,
  mtimeNs: 1_800_000_000_123_456_789n,
  mediaType: "text/plain",
  sha256: digest,
  chunks: manifest.packRefs(refs),
});
const header = Object.freeze({
  format: manifest.HEADER_FORMAT,
  iss: "station:x",
  sub: "b3f9",
  snapshotId: manifest.snapshotIdText(digest.subarray(0, 16)),
  source: "phone",
  label: "",
  created: 1_800_000_000,
  items: 1,
  bytes: 983_041,
  chunks: 2,
  pages: [{ digest, length: 500, items: 1 }],
  phoneKey: digest,
});
const twice = (page) => manifest.decodePage(manifest.encodePage(page));
const refuses = (kind, work) => assert.throws(work, { constructor: kind });

test("an item comes back, its nanoseconds exact", () => {
  const [found] = twice([item]);
  assert.deepEqual({ ...found }, { ...item });
  assert.deepEqual(manifest.refsOf(found), refs);
  assert.equal(manifest.chunkCount(found), 2);
  assert.equal(twice([{ ...item, mtimeNs: 0n }])[0].mtimeNs, 0n);
});

test("a page is its items and what stands between them", () => {
  const size = manifest.encodeItem(item).length;
  assert.equal(manifest.encodePage([item, item]).length, 2 * size + 3);
});

test("an item of as many chunks as one may have", () => {
  const many = new Array(limits.ITEM_CHUNKS_MAX).fill({ digest, length: 1 });
  const chunks = manifest.packRefs(many);
  assert.equal(twice([{ ...item, size: many.length, chunks }])[0].size, many.length);
  const one = { ...item, size: many.length + 1, chunks: manifest.packRefs([...many, many[0]]) };
  refuses(TooLarge, () => manifest.checkItem(one));
});

const WRONG = {
  "a name that leads outside": { name: "../x" },
  "a size that is not that of its chunks": { size: 1 },
  "a size that is not exact": { size: 2n ** 60n },
  "a media type with a parameter": { mediaType: "text/plain;charset=utf-8" },
  "a media type with a line break": { mediaType: "text/plain\n" },
  "half a digest": { sha256: digest.subarray(1) },
  "half a reference": { size: 983_040, chunks: item.chunks.subarray(0, 71) },
  "an empty chunk": { size: 0, chunks: manifest.packRefs([{ digest, length: 0 }]) },
  "too large a chunk": { size: 983_041, chunks: manifest.packRefs([{ digest, length: 983_041 }]) },
};
for (const [name, changes] of Object.entries(WRONG)) {
  test(`refused in an item: ${name}`, () => {
    refuses(ManifestRefused, () => twice([{ ...item, ...changes }]));
  });
}

test("a time beyond 64 bits is not written", () => {
  refuses(ManifestRefused, () => manifest.encodePage([{ ...item, mtimeNs: 2n ** 63n }]));
});

test("a page and a header have their limits", () => {
  const long = new Array(4000).fill({ ...item, name: "x".repeat(1024) });
  refuses(TooLarge, () => manifest.encodePage(long));
  refuses(TooLarge, () => manifest.decodePage(new Uint8Array(limits.PAGE_BYTES_MAX + 1)));
  refuses(TooLarge, () => manifest.decodeHeader(new Uint8Array(limits.HEADER_BYTES_MAX + 1)));
  const pages = new Array(5000).fill(header.pages[0]);
  refuses(TooLarge, () => manifest.encodeHeader({ ...header, pages }));
});

test("a header of as many pages as there may be fits", () => {
  const ref = { digest, length: limits.PAGE_BYTES_MAX, items: 2000 };
  const pages = new Array(limits.PAGES_MAX).fill(ref);
  const items = limits.PAGES_MAX * 2000;
  const told = manifest.decodeHeader(manifest.encodeHeader({ ...header, pages, items }));
  assert.equal(told.pages.length, limits.PAGES_MAX);
});

const WRONG_HEADERS = {
  "another format": [ManifestRefused, { format: "backupstation.manifest/2" }],
  "no snapshot id": [ManifestRefused, { snapshotId: "8".repeat(26) }],
  "another number of items": [ManifestRefused, { items: 2 }],
  "a label with a control character": [ManifestRefused, { label: "a\nb" }],
  "a long label": [TooLarge, { label: "📱".repeat(201) }],
  "an empty page": [ManifestRefused, { pages: [{ digest, length: 0, items: 1 }] }],
  "too many items": [TooLarge, { items: limits.ITEMS_MAX + 1 }],
};
for (const [name, [kind, changes]] of Object.entries(WRONG_HEADERS)) {
  test(`refused in a header: ${name}`, () => {
    refuses(kind, () => manifest.decodeHeader(manifest.encodeHeader({ ...header, ...changes })));
  });
}
