// The phone's engine, a Worker: it holds the key, the connection and the work, so that nothing heavy
// runs on the page. Asked {do, ...} by the page, one thing at a time; answers {kind, ...}.
//
//   ask                              answers, the last one ends the asking
//   look {link}                      met {stationId, scopes, expires, imOrigin, isEnrolled, stationName}
//   enrol {name}                     waiting {reason, digits, seconds} …, enrolled {stationName}
//   enrol {name, code}               enrolled
//   open {scope, source}             waiting …, opened {scope, stationName, binding, snapshotId, free}
//   backup {files, label}            progress …, interrupted …, stored
//   list {page}                      listed {page, pages, snapshots}
//   contents {snapshotId}            contents {header, items: [{number, name, size}]}
//   restore {snapshotId, numbers}    progress …, interrupted …, restored
//   stop                             (ends what is under way: failed {name: "Stopped"})
//   anything                         failed {name, code, detail}; lost, when nothing was under way

import { Backup, begin, drawSnapshotId } from "./backup.js";
import { choose } from "./choosing.js";
import { CutOff, Stopped, told } from "./errors.js";
import { Fetching } from "./fetching.js";
import { Link } from "./link.js";
import { Readers } from "./readers.js";
import { withSessions } from "./resuming.js";
import { Restore, forgetOld } from "./restore.js";
import { scan } from "./sources.js";
import { identityFor } from "./state.js";
import { enrolByCode, enrolByInvitation, openSession } from "./verification.js";
import { stationIdText } from "./wire/invitation.js";

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
  #isStopped = false;

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
    await forgetOld();
    const { invitation } = this.#link;
    this.tell({
      kind: "met",
      stationId: stationIdText(invitation.stationId),
      scopes: invitation.scopes,
      expires: invitation.expires,
      imOrigin: invitation.imOrigin,
      isEnrolled: this.#identity !== null,
      stationName: this.#identity?.enrolment.stationName ?? "",
    });
  }

  async enrol({ name, code }) {
    if (code) await enrolByCode(this.#link, code, name);
    else this.#link = await enrolByInvitation(this.#link, name, this.tell);
    this.#identity = await identityFor(this.#link);
    this.tell({ kind: "enrolled", stationName: this.#identity.enrolment.stationName });
  }

  async open({ scope, source }) {
    const session = await openSession(this.#link, scope, this.#identity, this.tell);
    this.#scope = scope;
    this.#source = source;
    if (scope === "backup") {
      this.#snapshotId = drawSnapshotId();
      await begin(session, { snapshotId: this.#snapshotId, source });
    }
    this.#leave(session);
    const { stationName, binding, free } = session.terms;
    this.tell({ kind: "opened", scope, stationName, binding, snapshotId: this.#snapshotId, free });
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
    const session = this.#reading();
    const listed = await new Fetching(session).listing(page);
    this.#leave(session);
    this.tell({ kind: "listed", page, pages: listed.pages, snapshots: listed.snapshots });
  }

  async contents({ snapshotId }) {
    const session = this.#reading();
    const fetching = new Fetching(session);
    const { header, items } = await choose(fetching, session, this.#identity, snapshotId, null);
    this.#leave(session);
    this.#contents.set(snapshotId, items);
    this.tell({
      kind: "contents",
      snapshotId,
      label: header.label,
      items: items.map(({ number, item: { name, size } }) => ({ number, name, size })),
    });
  }

  /** The open session; a list that was lost with its connection needs a new code. */
  #reading() {
    const session = this.#take();
    if (!session) throw new CutOff("the connection was lost");
    return session;
  }

  async restore({ snapshotId, numbers }) {
    const wanted = new Set(numbers);
    const chosen = this.#contents.get(snapshotId).filter(({ number }) => wanted.has(number));
    this.tell(await this.#work(new Restore(snapshotId, chosen, this.tell)));
  }

  async #work(work) {
    this.#under = work;
    this.#isStopped = false;
    try {
      const { tell } = this;
      const options = { tell, stopped: () => this.#isStopped };
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
    this.#isStopped = true;
    this.#under.stop?.(new Stopped("by the person"));
    this.#session?.farewell();
    this.#session?.abort();
  }

  /** Obey the page; what goes wrong is told. */
  async obey({ do: what, ...details }) {
    try {
      await this[what](details);
    } catch (error) {
      this.#session?.abort();
      this.#session = null;
      const known = this.#isStopped ? new Stopped("by the person") : error;
      if (!error.name || error instanceof TypeError) console.error(error);
      this.tell({ kind: "failed", of: what, ...told(known) });
    }
  }
}

const engine = new Engine((event) => self.postMessage(event));

self.onmessage = ({ data }) => {
  if (data.readers) engine.readers = data.readers;
  else engine.obey(data);
};
