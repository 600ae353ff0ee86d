// Errors of the protocol; each class carries the code that goes over the wire (docs/protocol.md,
// section 12). The same tree as wire/errors.py, which a test compares with this file.

/** Base of everything that this protocol refuses. */
export class WireError extends Error {
  static code = 4400;
  static fatal = true;

  /** The number of section 12; as a close code it is for private use (RFC 6455 section 7.4.2). */
  get code() {
    return this.constructor.code;
  }

  /** The name of section 12. */
  get name() {
    return this.constructor.name;
  }

  /** Whether the connection ends by it. */
  get fatal() {
    return this.constructor.fatal;
  }
}

/** Bytes that are no message of this protocol: wrong length, unknown type or field. */
export class MalformedMessage extends WireError {}

/** Mutual verification failed; the reason is for the log, never for the peer. */
export class VerificationFailed extends WireError {
  static code = 4401;
}

/** A ticket, indication, second verification information or receipt is not acceptable. */
export class TokenRefused extends VerificationFailed {}

/** A message that this state or this ticket's scope does not permit. */
export class NotAllowed extends WireError {
  static code = 4403;
}

/** No such snapshot, item or chunk for this account. */
export class NotFound extends WireError {
  static code = 4404;
  static fatal = false;
}

/** The peer was silent for longer than the protocol allows. */
export class TimedOut extends WireError {
  static code = 4408;
}

/** A snapshot id that already names something else. */
export class Conflict extends WireError {
  static code = 4409;
}

/** A length or count above its limit. */
export class TooLarge extends WireError {
  static code = 4413;
}

/** A chunk whose bytes do not have the announced SHA-256; it was not stored. */
export class DigestMismatch extends WireError {
  static code = 4422;
  static fatal = false;
}

/** A manifest that contradicts itself, its signature, or the chunks that the vault holds. */
export class ManifestRefused extends WireError {
  static code = 4423;
  static fatal = false;
}

/** Too many attempts, connections or outstanding requests. */
export class TooMany extends WireError {
  static code = 4429;
}

/** The peer sent more unacknowledged bytes than its window. */
export class WindowOverrun extends WireError {
  static code = 4430;
}

/** Something failed inside the station. Nothing that was receipted is affected. */
export class StationFault extends WireError {
  static code = 4500;
}

/** The station cannot serve this connection now. */
export class Busy extends WireError {
  static code = 4503;
}

/** There is no room left in the store. Nothing that was receipted is affected. */
export class StorageFull extends WireError {
  static code = 4507;
}

/** Stored bytes failed authentication or their hash; the message names what is affected. */
export class Damaged extends WireError {
  static code = 4510;
  static fatal = false;
}

const OF_CODE = new Map(
  [
    MalformedMessage,
    VerificationFailed,
    NotAllowed,
    NotFound,
    TimedOut,
    Conflict,
    TooLarge,
    DigestMismatch,
    ManifestRefused,
    TooMany,
    WindowOverrun,
    StationFault,
    Busy,
    StorageFull,
    Damaged,
  ].map((kind) => [kind.code, kind]),
);

/** The class for each code, as a Map (TokenRefused shares its parent's code on purpose). */
export function allErrors() {
  return new Map(OF_CODE);
}

/** The error that a peer's `error` message or close code stands for. */
export function errorFor(code, message) {
  return new (OF_CODE.get(code) ?? WireError)(message);
}

/**
 * What `work` returns; its {@link MalformedMessage} is thrown again as a `kind`, with what it was
 * about in front. For decoders whose refusal has a name of its own.
 */
export function refusingAs(kind, about, work) {
  try {
    return work();
  } catch (error) {
    if (error.constructor !== MalformedMessage) throw error;
    throw new kind(about ? `${about}: ${error.message}` : error.message);
  }
}
