// What can go wrong on the phone's side, beside the protocol's own errors. The page has a sentence
// for each name (backupstation/phone_words.py); `detail` is for the line below it.

/** Base of the phone's own errors. */
export class PhoneError extends Error {
  /** The name by which the page finds the sentence. */
  get name() {
    return this.constructor.name;
  }
}

/** The connection was lost; going on with a follow-up invitation may help. */
export class CutOff extends PhoneError {}

/** Nobody answers at the station's, or the IM server's, address. */
export class Unreachable extends PhoneError {}

/** The other side is not who it should be, or says something else than was signed. */
export class Untrusted extends PhoneError {}

/** This phone belongs to no account of the IM server that the link names. */
export class NotEnrolled extends PhoneError {}

/** There is no file to send, or nothing that was chosen is there; `problems` says why. */
export class NothingToDo extends PhoneError {
  constructor(message, problems = []) {
    super(message);
    this.problems = problems;
  }
}

/** The link does not allow what was asked for. */
export class NotPermitted extends PhoneError {}

/** This browser keeps nothing, or has no room left. */
export class NoRoom extends PhoneError {}

/** The person stopped it. */
export class Stopped extends PhoneError {}

/** What the page is told of an error: plain data. */
export function told(error) {
  return {
    name: error.refusal ?? error.name,
    code: error.code ?? null,
    detail: error.message,
    problems: error.problems ?? [],
  };
}
