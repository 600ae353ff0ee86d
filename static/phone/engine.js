// The phone's engine, a Worker: it holds the key, the connection and the work, so that nothing heavy
// runs on the page. Asked {do, ...} by the page, one thing at a time; answers {kind, ...}.
//
//   ask                              answers, the last one ends the asking
//   look {link}                      met {scopes, expires, imOrigin, isEnrolled, stationName}
//   enrol {name}                     waiting {reason, digits, seconds} …, enrolled {stationName}
//   enrol {name, code}               enrolled
//   open {scope, source}             waiting …, opened {scope, stationName, binding, free}
//   backup {files, label}            progress …, interrupted …, stored
//   list {page}                      listed {page, pages, snapshots}
//   contents {snapshotId}            contents {snapshotId, label, source, items: [{number, name, size}]}
//   restore {snapshotId, numbers}    progress …, interrupted …, restored
//   stop                             (ends what is under way: failed {name: "Stopped"})
//   anything                         failed {of, name, code, detail, canGoOn}
//   (nothing)                        lost {canGoOn, name, code, detail}: the connection is gone

import { Backup, begin, drawSnapshotId } from "./backup.js";
import { choose } from "./choosing.js";
import { CutOff, PhoneError, Stopped, told } from "./errors.js";
import { Fetching } from "./fetching.js";
import { Link } from "./link.js";
import { Readers } from "./readers.js";
import { withSessions } from "./resuming.js";
import { Restore, forgetOld } from "./restore.js";
import { scan } from "./sources.js";
import { identityFor } from "./state.js";
import { enrolByCode, enrolByInvitation, openSession } from "./verification.js";
import { NotFound, WireError } from "./wire/errors.js";

const STOP_MS = 3_000;

/** One phone's dealings with the station of one link. */
class Engine {
  #link = null;
  #identity = null;
  #session = null;
  #scope = "";
  #source = "";
  #snapshotId = "";
  #contents = new Map(); // snapshot id -> {number, item} of all its items
  #readers = null;
  #under = null;
  #stopping = new AbortController();

  constructor(tell) {
    this.tell = tell;
  }

  /** The Workers that read files. */
  set readers(ports) {
    this.#readers = new Readers(ports);
  }

  async look({ link }) {
    this.#link = Link.parse(link);
    this.#identity = await identityFor(this.#link);
    forgetOld().catch(() => {}); // housekeeping: what is kept too long keeps nobody from working
    const { invitation } = this.#link;
    this.tell({
      kind: "met",
      scopes: invitation.scopes,
      expires: invitation.expires,
      imOrigin: invitation.imOrigin,
      isEnrolled: this.#identity !== null,
      stationName: this.#identity?.enrolment.stationName ?? "",
    });
  }

  async enrol({ name, code }) {
    if (this.#link.invitation.imOrigin) await enrolByCode(this.#link, code, name);
    else this.#link = await enrolByInvitation(this.#link, name, this.tell);
    this.#identity = await identityFor(this.#link);
    this.tell({ kind: "enrolled", stationName: this.#identity.enrolment.stationName });
  }

  async open({ scope, source }) {
    const session = await openSession(this.#link, scope, this.#identity, this.tell);
    this.#scope = scope;
    this.#source = source;
    if (scope === "backup") await this.#begin(session);
    this.#leave(session);
    const { stationName, binding, free } = session.terms;
    this.tell({ kind: "opened", scope, stationName, binding, free });
  }

  /** Hold a follow-up invitation before the person has chosen anything. */
  async #begin(session) {
    this.#snapshotId = drawSnapshotId();
    try {
      await begin(session, { snapshotId: this.#snapshotId, source: this.#source });
    } catch (error) {
      session.abort();
      throw error;
    }
  }

  /** Keep a session going until the person has chosen. */
  #leave(session) {
    this.#session = session;
    session.attend((error) => {
      this.#session = null;
      this.#link = session.followUp ?? this.#link;
      this.tell({ kind: "lost", canGoOn: session.followUp !== null, ...told(error) });
    });
  }

  #take() {
    const session = this.#session;
    this.#session = null;
    session?.resume();
    return session;
  }

  async backup({ files, label }) {
    const about = { snapshotId: this.#snapshotId, source: this.#source, label };
    const backup = new Backup(scan(files), about, this.#identity, this.#readers, this.tell);
    this.tell(await this.#work(backup));
  }

  async list({ page }) {
    const { pages, snapshots } = await this.#read((fetching) => fetching.listing(page));
    this.tell({ kind: "listed", page, pages, snapshots });
  }

  async contents({ snapshotId }) {
    const { header, items } = await this.#read((fetching, session) =>
      choose(fetching, session, this.#identity, snapshotId, null),
    );
    this.#contents.set(snapshotId, items);
    this.tell({
      kind: "contents",
      snapshotId,
      label: header.label,
      source: header.source,
      items: items.map(({ number, item: { name, size } }) => ({ number, name, size })),
    });
  }

  /** Look at what is kept; a list that was lost with its connection needs a new code. */
  async #read(look) {
    const session = this.#take();
    if (!session) throw new CutOff("the connection was lost");
    try {
      const found = await look(new Fetching(session), session);
      this.#leave(session);
      return found;
    } catch (error) {
      if (error instanceof NotFound) this.#leave(session);
      else session.abort();
      throw error;
    }
  }

  async restore({ snapshotId, numbers }) {
    const wanted = new Set(numbers);
    const chosen = this.#contents.get(snapshotId).filter(({ number }) => wanted.has(number));
    const restore = new Restore(snapshotId, chosen, this.tell);
    try {
      this.tell(await this.#work(restore));
    } catch (error) {
      await restore.forget();
      throw error;
    }
  }

  async #work(work) {
    this.#under = work;
    this.#stopping = new AbortController();
    try {
      const { tell } = this;
      const options = { tell, signal: this.#stopping.signal };
      const run = (session) => {
        this.#session = session;
        return work.run(session);
      };
      const session = this.#take();
      return await withSessions(session, this.#link, this.#scope, this.#identity, run, options);
    } finally {
      // What ended without a goodbye, such as files that cannot be read, may be tried again.
      this.#link = this.#session?.followUp ?? this.#link;
      this.#under = null;
      this.#session = null;
    }
  }

  /** End what is under way; the station keeps what has arrived for another time. */
  stop() {
    if (!this.#under) return;
    this.#stopping.abort();
    this.#under.stop(new Stopped("by the person"));
    const session = this.#session;
    setTimeout(() => session?.abort(), STOP_MS); // a station that answers nothing stops nobody
  }

  /** Obey the page; what goes wrong is told. */
  async obey({ do: what, ...details }) {
    try {
      await this[what](details);
    } catch (error) {
      const isStopped = this.#stopping.signal.aborted && (what === "backup" || what === "restore");
      const known = isStopped ? new Stopped("by the person") : error;
      const isUnforeseen = !(error instanceof PhoneError || error instanceof WireError);
      if (isUnforeseen) console.error(error);
      this.tell({ kind: "failed", of: what, canGoOn: this.#session !== null, ...told(known) });
    }
  }
}

const engine = new Engine((event) => self.postMessage(event));

self.onmessage = ({ data }) => {
  if (data.readers) engine.readers = data.readers;
  else engine.obey(data);
};
