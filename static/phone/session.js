// A verified connection: control messages and whole frames, over the secure channel.

import { CutOff } from "./errors.js";
import { FrameType, controlFrame, frames, splitData } from "./wire/channel.js";
import { MalformedMessage, TimedOut, errorFor } from "./wire/errors.js";
import { MIB, WINDOW_BYTES_MAX, WINDOW_BYTES_MIN } from "./wire/limits.js";
import * as messages from "./wire/messages.js";

const ANSWER_MS = 600_000;
const GOODBYE_MS = 1_000;
const ACK_BYTES = MIB;

/** What both sides may do once each has verified the other. */
export class Session {
  /** The link with which to go on after a cut; null as long as the station gave none. */
  followUp = null;

  #link;
  #progressed = performance.now();
  #used = 0;

  constructor(link, connection, channel, terms, stationKey) {
    if (terms.window < WINDOW_BYTES_MIN) throw new MalformedMessage("the window is too small");
    this.#link = link;
    this.connection = connection;
    this.channel = channel;
    this.terms = terms;
    this.stationKey = stationKey;
    this.window = Math.min(terms.window, WINDOW_BYTES_MAX);
    connection.ping = () => this.send({ type: "ping" });
  }

  /** Send one control message. */
  send(message) {
    this.sendFrames(controlFrame(messages.encode(message)));
  }

  /** Send whole frames as one WebSocket message. */
  sendFrames(plaintext) {
    this.connection.send(this.channel.seal(plaintext));
  }

  /**
   * What the next WebSocket message holds for the caller: {message} and {ref, chunk} in order.
   * What keeps the connection going is dealt with here; an `error` that ends it is thrown.
   */
  async next() {
    for (;;) {
      const found = this.#opened(await this.connection.receive());
      if (found.length) return found;
    }
  }

  #opened(received) {
    const found = [];
    for (const frame of frames(this.channel.open(received))) {
      if (frame.type === FrameType.DATA) found.push(splitData(frame.payload));
      else {
        const message = this.#obey(messages.decodeFromStation(frame.payload));
        if (message) found.push({ message });
      }
    }
    return found;
  }

  /** Keep the connection going while nothing is asked; `lost(error)` hears of its end. */
  attend(lost) {
    this.connection.unasked = () => {
      try {
        for (;;) {
          const received = this.connection.takeReceived();
          if (!received) return;
          if (this.#opened(received).length) throw new MalformedMessage("an answer to nothing");
        }
      } catch (error) {
        this.connection.unasked = () => {};
        this.abort();
        lost(error);
      }
    };
    this.#progressed = Infinity; // nothing is awaited
    this.connection.unasked();
  }

  /** From now on everything that comes is waited for. */
  resume() {
    this.connection.unasked = () => {};
    this.noteProgress();
  }

  #obey(message) {
    this.#checkPatience();
    switch (message.type) {
      case "ping":
        this.send({ type: "pong" });
        return null;
      case "pong":
        return null;
      case "follow_up":
        this.takeFollowUp(message.invitation);
        return null;
      case "bye":
        throw new CutOff("the station ended the connection");
      case "error": {
        const error = errorFor(message.code, message.message);
        if (error.fatal) throw error;
        return message;
      }
      default:
        return message;
    }
  }

  /** Keep the invitation with which to go on after a cut. */
  takeFollowUp(invitation) {
    this.followUp = this.#link.followUp(invitation);
  }

  /** The work has gone further: only from now on does the station keep it waiting. */
  noteProgress() {
    this.#progressed = performance.now();
  }

  #checkPatience() {
    if (performance.now() - this.#progressed > ANSWER_MS) {
      throw new TimedOut("the station gives signs of life, and no answer");
    }
  }

  /** So many bytes were used up: the station may send as many more, told in large pieces. */
  grant(length) {
    this.#used += length;
    if (this.#used < ACK_BYTES) return;
    this.send({ type: "ack", bytes: this.#used });
    this.#used = 0;
  }

  /** Send a request and wait for its answer of this type; throws what an `error` stands for. */
  async ask(message, type) {
    this.noteProgress();
    this.send(message);
    const [answer, ...more] = await this.next();
    if (answer.message?.type === "error") {
      throw errorFor(answer.message.code, answer.message.message);
    }
    if (answer.message?.type !== type || more.length) {
      throw new MalformedMessage(`something else instead of ${type}`);
    }
    this.noteProgress();
    return answer.message;
  }

  /** Say goodbye, and wait a little for the answer: all that the QR code began ends with it. */
  async farewell() {
    this.send({ type: "bye" });
    await Promise.race([this.connection.over, pause(GOODBYE_MS)]);
  }

  /** End it at once. */
  abort() {
    this.connection.close();
  }
}

/** A promise of the end of so many milliseconds, or of the moment when `signal` aborts. */
export function pause(milliseconds, signal = null) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", resolve, { once: true });
  });
}
