// Which items a restore consists of: the manifest, checked, and the selection applied.

import { sha256 } from "../vendor/noble.js";
import { NothingToDo, Untrusted } from "./errors.js";
import { equal } from "./wire/bytes.js";
import { Damaged } from "./wire/errors.js";
import * as manifest from "./wire/manifest.js";
import { covers } from "./wire/messages.js";

/**
 * Fetch the manifest and pick what `selection` and the link's binding both cover: {header, items},
 * items as {number, item}. Throws for a manifest that is not signed, receipted, complete and this
 * account's.
 */
export async function choose(fetching, session, identity, snapshotId, selection) {
  const answer = await fetching.manifest(snapshotId, selection);
  const header = checkedHeader(answer, session, identity, snapshotId);
  const limiting = [selection, session.terms.binding?.selection].filter(Boolean);
  checkPages(answer.pages, header.pages.length, limiting.length > 0);
  const items = [];
  for await (const one of itemsOf(fetching, header, answer.pages)) {
    if (limiting.every((each) => covers(each, one.item.name))) items.push(one);
  }
  if (!limiting.length) checkTotals(header, items);
  else if (!items.length) throw new NothingToDo("the snapshot has no item that was chosen");
  return { header, items };
}

function checkedHeader(answer, session, identity, snapshotId) {
  const header = manifest.decodeHeader(answer.header);
  manifest.checkHeaderSignature(header.phoneKey, answer.header, answer.signature);
  if (header.snapshotId !== snapshotId) throw new Untrusted("another snapshot than was asked for");
  const { iss, sub } = identity.enrolment;
  if (header.iss !== iss || header.sub !== sub) throw new Untrusted("another account's snapshot");
  manifest.checkReceipt(answer.receipt, answer.header, session.stationKey);
  return header;
}

function checkPages(pages, count, isPartial) {
  const ascends = pages.every((page, at) => page < count && (at === 0 || page > pages[at - 1]));
  if (!ascends) throw new Untrusted("pages that the manifest does not have");
  if (!isPartial && pages.length !== count)
    throw new Untrusted("a part of the manifest is missing");
}

function checkTotals(header, items) {
  const size = items.reduce((sum, { item }) => sum + item.size, 0);
  const chunks = items.reduce((sum, { item }) => sum + manifest.chunkCount(item), 0);
  if (size !== header.bytes || chunks !== header.chunks) {
    throw new Untrusted("the manifest lists other items than its header says");
  }
}

async function* itemsOf(fetching, header, pages) {
  const starts = [0];
  for (const { items } of header.pages) starts.push(starts[starts.length - 1] + items);
  for (const number of pages) {
    const page = header.pages[number];
    const { chunk, why } = await fetching.page(number, page);
    if (!chunk) throw new Damaged(`page ${number} of the manifest: ${why}`);
    if (!equal(sha256(chunk), page.digest)) throw new Untrusted("a manifest page is another");
    const items = manifest.decodePage(chunk);
    if (items.length !== page.items) throw new Untrusted("a manifest page lists other items");
    for (const [offset, item] of items.entries()) yield { number: starts[number] + offset, item };
  }
}
