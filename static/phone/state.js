// Who this phone is: its key, and the accounts that it is enrolled to.

import { ed25519 } from "../vendor/noble.js";
import * as database from "./database.js";
import { KEY_BYTES } from "./wire/limits.js";

/** The phone's Ed25519 key {seed, public}; drawn at its first use. Two pages get the same one. */
export async function phoneKey() {
  const fresh = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const seed =
    (await database.get("keys", "phone")) ?? (await database.putOnce("keys", "phone", fresh));
  return { seed, public: ed25519.getPublicKey(seed) };
}

/**
 * Who this phone is for the link's IM server: {key, enrolment}, or null when it is not enrolled
 * there. An enrolment is {iss, sub, keys, imOrigin, stationName}.
 */
export async function identityFor(link) {
  const place = link.invitation.imOrigin || link.embeddedIss;
  const enrolment = await database.get("enrolments", place);
  return enrolment ? { key: await phoneKey(), enrolment } : null;
}

/** Keep an enrolment: by its IM server's origin, or by its issuer's name inside a station. */
export async function remember(enrolment) {
  await database.put("enrolments", enrolment.imOrigin || enrolment.iss, enrolment);
}
