// The phone's calls to the IM server (docs/protocol.md, section 5): connect, and enrol by a code.
// Nothing secret is ever posted: a proof serves once, and a ticket serves this phone's key alone.

import { Unreachable, Untrusted } from "./errors.js";
import * as im from "./wire/im.js";

const CALL_MS = 10_000;

/** Let the IM server authenticate a scanned invitation (patent claims 2 and 7). */
export function connect(origin, request) {
  return call(
    origin + im.CONNECTIONS_PATH,
    im.encodeConnectRequest(request),
    im.decodeConnectReply,
  );
}

/** Make this phone one of the account that the code was printed for. */
export function enrol(origin, request) {
  return call(origin + im.PHONES_PATH, im.encodeEnrolRequest(request), im.decodeEnrolReply);
}

/** The issuer's keys as it publishes them now. */
export function keys(origin) {
  return call(origin + im.KEYS_PATH, null, im.decodeKeys);
}

async function call(url, body, decode) {
  const { ok, bytes } = await exchange(url, body);
  if (!ok) throw im.refusalFrom(bytes);
  try {
    return decode(bytes);
  } catch {
    throw new Untrusted(`what ${url} answers is not this protocol`);
  }
}

/** One request without cookies or redirects; the answer is bounded in time and size. */
async function exchange(url, body) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), CALL_MS);
  try {
    const response = await fetch(url, {
      method: body ? "POST" : "GET",
      body,
      headers: body ? { "Content-Type": "application/json" } : {},
      credentials: "omit",
      redirect: "error",
      cache: "no-store",
      signal: abort.signal,
    });
    return { ok: response.status === 200, bytes: await readBounded(response) };
  } catch (error) {
    if (error instanceof Untrusted) throw error;
    throw new Unreachable(`nobody answers at ${url}`);
  } finally {
    clearTimeout(timer);
  }
}

async function readBounded(response) {
  const reader = response.body.getReader();
  const whole = new Uint8Array(im.BODY_BYTES_MAX);
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return whole.slice(0, length);
    if (length + value.length > whole.length) {
      await reader.cancel();
      throw new Untrusted("the answer is too long");
    }
    whole.set(value, length);
    length += value.length;
  }
}
