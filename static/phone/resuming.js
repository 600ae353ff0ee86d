// Going on after a lost connection, with the invitation that the station gave for that.

import { CutOff, Unreachable } from "./errors.js";
import { pause } from "./session.js";
import { openSession } from "./verification.js";
import { Busy, TimedOut, TooMany, VerificationFailed } from "./wire/errors.js";
import { Refused } from "./wire/im.js";

const PATIENCE_MS = 15 * 60_000; // as long as a follow-up invitation serves
const RESUMES_MAX = 100;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;

/**
 * Run `work(session)`, and again on a new session when the connection is lost. `session` may be one
 * that is open already. `work` says goodbye; what it leaves open is closed. `tell` hears
 * {kind: "interrupted", seconds}; `stopped()` is whether the person has had enough.
 */
export async function withSessions(session, link, scope, identity, work, { tell, stopped }) {
  let next = link;
  for (let resumes = 0; resumes < RESUMES_MAX; resumes += 1) {
    try {
      session ??= await reconnect(next, scope, identity, tell, stopped);
      return await work(session);
    } catch (error) {
      if (stopped() || !session || !mayPass(error)) throw error;
      if (!session.followUp && resumes === 0) throw error;
      next = session.followUp ?? next;
      tell({ kind: "interrupted", seconds: FIRST_DELAY_MS / 1000 });
    } finally {
      session?.abort();
      session = null;
    }
    await pause(FIRST_DELAY_MS);
  }
  throw new CutOff("the connection was lost again and again");
}

async function reconnect(link, scope, identity, tell, stopped) {
  const deadline = performance.now() + PATIENCE_MS;
  let delay = FIRST_DELAY_MS;
  let mayBeUsed = false;
  for (;;) {
    try {
      return await openSession(link, scope, identity, tell);
    } catch (error) {
      if (mayBeUsed && error instanceof VerificationFailed) {
        throw new CutOff("the connection was lost while it was being resumed");
      }
      // An attempt that was cut may have used the invitation up.
      mayBeUsed ||= error instanceof CutOff;
      if (stopped() || !mayPass(error) || performance.now() + delay > deadline) throw error;
      tell({ kind: "interrupted", seconds: delay / 1000 });
    }
    await pause(delay);
    delay = Math.min(2 * delay, LONGEST_DELAY_MS);
  }
}

/** Whether trying again later can help. */
function mayPass(error) {
  if (error instanceof Refused) return ["too_many", "unknown"].includes(error.refusal);
  return [CutOff, Unreachable, TimedOut, Busy, TooMany].some((kind) => error instanceof kind);
}

