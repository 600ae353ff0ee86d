// Going on after a lost connection, with the invitation that the station gave for that.

import { CutOff, Stopped, Unreachable } from "./errors.js";
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
 * {kind: "interrupted"}; the `signal` aborts when the person has had enough.
 */
export async function withSessions(session, link, scope, identity, work, { tell, signal }) {
  let next = link;
  for (let resumes = 0; resumes < RESUMES_MAX; resumes += 1) {
    try {
      session ??= await reconnect(next, scope, identity, tell, signal);
      checkStopped(signal);
      return await work(session);
    } catch (error) {
      if (error instanceof Stopped) await session?.farewell();
      if (signal.aborted || !session || !mayPass(error)) throw error;
      next = session.followUp ?? next;
      if (!next.isFollowUp) throw error;
      tell({ kind: "interrupted" });
    } finally {
      session?.abort();
      session = null;
    }
    await pause(FIRST_DELAY_MS, signal);
    checkStopped(signal);
  }
  throw new CutOff("the connection was lost again and again");
}

function checkStopped(signal) {
  if (signal.aborted) throw new Stopped("by the person");
}

async function reconnect(link, scope, identity, tell, signal) {
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
      if (!mayPass(error) || performance.now() + delay > deadline) throw error;
      tell({ kind: "interrupted" });
    }
    await pause(delay, signal);
    checkStopped(signal);
    delay = Math.min(2 * delay, LONGEST_DELAY_MS);
  }
}

/** Whether trying again later can help. */
function mayPass(error) {
  if (error instanceof Refused) return ["too_many", "unknown"].includes(error.refusal);
  return [CutOff, Unreachable, TimedOut, Busy, TooMany].some((kind) => error instanceof kind);
}
