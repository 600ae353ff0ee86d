// The secure channel: Noise transport messages inside WebSocket messages, and frames inside those
// (docs/protocol.md, section 7).

import { concat, readU16, readU32, u32 } from "./bytes.js";
import { MalformedMessage, TooLarge } from "./errors.js";
import {
  CHUNK_BYTES_MAX,
  CONTROL_BYTES_MAX,
  DATA_REF_BYTES,
  FRAME_HEADER_BYTES,
  NOISE_LENGTH_BYTES,
  NOISE_MESSAGE_BYTES_MAX,
  NOISE_PLAINTEXT_BYTES_MAX,
  NOISE_TAG_BYTES,
  WEBSOCKET_MESSAGE_BYTES_MAX,
} from "./limits.js";

const OVERHEAD = NOISE_LENGTH_BYTES + NOISE_TAG_BYTES;
const FULL = NOISE_LENGTH_BYTES + NOISE_MESSAGE_BYTES_MAX;
const WHOLE = Math.floor(WEBSOCKET_MESSAGE_BYTES_MAX / FULL);

/** Bytes of a data frame beside its chunk. */
export const DATA_FRAME_OVERHEAD = FRAME_HEADER_BYTES + DATA_REF_BYTES;
/** Plaintext bytes that fill one WebSocket message; more than a frame with the largest chunk. */
export const MAX_PLAINTEXT =
  WHOLE * NOISE_PLAINTEXT_BYTES_MAX + Math.max(0, (WEBSOCKET_MESSAGE_BYTES_MAX % FULL) - OVERHEAD);

/** Both directions of one connection after the Noise handshake. */
export class Channel {
  #send;
  #receive;

  /** The 32 bytes h of the handshake. */
  handshakeHash;

  constructor(send, receive, handshakeHash) {
    this.#send = send;
    this.#receive = receive;
    this.handshakeHash = handshakeHash;
  }

  /** The WebSocket message that carries `plaintext`; throws {@link TooLarge}. */
  seal(plaintext) {
    if (plaintext.length === 0 || plaintext.length > MAX_PLAINTEXT) {
      throw new TooLarge(`${plaintext.length} bytes do not fit one message`);
    }
    const pieces = Math.ceil(plaintext.length / NOISE_PLAINTEXT_BYTES_MAX);
    const message = new Uint8Array(plaintext.length + pieces * OVERHEAD);
    let to = 0;
    for (let at = 0; at < plaintext.length; at += NOISE_PLAINTEXT_BYTES_MAX) {
      const piece = plaintext.subarray(at, at + NOISE_PLAINTEXT_BYTES_MAX);
      const length = piece.length + NOISE_TAG_BYTES;
      message[to] = length >>> 8;
      message[to + 1] = length;
      to += NOISE_LENGTH_BYTES;
      this.#send.encryptInto(piece, message.subarray(to, to + length));
      to += length;
    }
    return message;
  }

  /**
   * What a WebSocket message carries, as a buffer of its own.
   *
   * Throws {@link TooLarge} or {@link MalformedMessage} before anything is decrypted, and
   * {@link VerificationFailed} for bytes that the peer did not send next.
   */
  open(message) {
    const lengths = noiseLengths(message);
    const plaintext = new Uint8Array(message.length - lengths.length * OVERHEAD);
    let at = 0;
    let to = 0;
    for (const length of lengths) {
      at += NOISE_LENGTH_BYTES;
      const target = plaintext.subarray(to, to + length - NOISE_TAG_BYTES);
      this.#receive.decryptInto(message.subarray(at, at + length), target);
      at += length;
      to += target.length;
    }
    return plaintext;
  }
}

function noiseLengths(message) {
  if (message.length > WEBSOCKET_MESSAGE_BYTES_MAX) {
    throw new TooLarge(`message of ${message.length} bytes`);
  }
  const lengths = [];
  let at = 0;
  while (at < message.length) {
    if (lengths.length && lengths[lengths.length - 1] !== NOISE_MESSAGE_BYTES_MAX) {
      throw new MalformedMessage("a Noise message before the last is not full");
    }
    const length = at + NOISE_LENGTH_BYTES > message.length ? 0 : readU16(message, at);
    at += NOISE_LENGTH_BYTES + length;
    if (length <= NOISE_TAG_BYTES || at > message.length) {
      throw new MalformedMessage("Noise messages do not fill the WebSocket message");
    }
    lengths.push(length);
  }
  if (!lengths.length) throw new MalformedMessage("an empty WebSocket message");
  return lengths;
}

/** What a frame's payload is: one control message as JSON, or reference u32 | bytes. */
export const FrameType = Object.freeze({ CONTROL: 0, DATA: 1 });

const PAYLOAD_BYTES_MAX = {
  [FrameType.CONTROL]: CONTROL_BYTES_MAX,
  [FrameType.DATA]: DATA_REF_BYTES + CHUNK_BYTES_MAX,
};

/** A control message's JSON as a frame; throws {@link TooLarge}. */
export function controlFrame(payload) {
  if (payload.length > CONTROL_BYTES_MAX) {
    throw new TooLarge(`control message of ${payload.length} bytes`);
  }
  return concat(Uint8Array.of(FrameType.CONTROL), u32(payload.length), payload);
}

/** The bytes before `length` bytes of a chunk with reference `ref`; throws {@link TooLarge}. */
export function dataFrameHeader(ref, length) {
  if (length > CHUNK_BYTES_MAX) throw new TooLarge(`chunk of ${length} bytes`);
  return concat(Uint8Array.of(FrameType.DATA), u32(DATA_REF_BYTES + length), u32(ref));
}

/** A chunk or manifest page with its reference as a frame; throws {@link TooLarge}. */
export function dataFrame(ref, chunk) {
  return concat(dataFrameHeader(ref, chunk.length), chunk);
}

/**
 * The frames {type, payload} of one decrypted message; payloads are views of it.
 *
 * Throws {@link MalformedMessage} unless they fill it exactly, {@link TooLarge} above a limit.
 */
export function frames(plaintext) {
  const found = [];
  let at = 0;
  while (at < plaintext.length) {
    const start = at + FRAME_HEADER_BYTES;
    const end = start > plaintext.length ? start : start + readU32(plaintext, at + 1);
    if (end > plaintext.length) throw new MalformedMessage("frames do not fill the message");
    found.push(frame(plaintext[at], plaintext.subarray(start, end)));
    at = end;
  }
  return found;
}

function frame(type, payload) {
  if (!(type in PAYLOAD_BYTES_MAX)) throw new MalformedMessage(`unknown frame type ${type}`);
  if (payload.length > PAYLOAD_BYTES_MAX[type]) {
    throw new TooLarge(`frame of ${payload.length} bytes`);
  }
  return { type, payload };
}

/** The {ref, chunk} of a data frame's payload; throws {@link MalformedMessage}. */
export function splitData(payload) {
  if (payload.length < DATA_REF_BYTES) {
    throw new MalformedMessage("data frame without a reference");
  }
  return { ref: readU32(payload, 0), chunk: payload.subarray(DATA_REF_BYTES) };
}
