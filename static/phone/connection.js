// One WebSocket to the listening port (RFC 6455), with errors that say what happened.

import { CutOff, Unreachable } from "./errors.js";
import { TimedOut, WindowOverrun, allErrors, errorFor } from "./wire/errors.js";
import {
  IDLE_SECONDS,
  LISTEN_PATH,
  PING_SECONDS,
  SUBPROTOCOL,
  WINDOW_BYTES_MAX,
} from "./wire/limits.js";

const CONNECT_MS = 10_000;
const WATCH_MS = 5_000;
// What waits is encrypted and framed: tiny chunks take up to four times their credit.
const WAITING_BYTES_MAX = 4 * WINDOW_BYTES_MAX;
const NORMAL = 1000;
const ERROR_CODES = allErrors();

/** An open WebSocket. One caller receives at a time. */
export class Connection {
  #socket;
  #received = [];
  #receivedBytes = 0;
  #waiting = null;
  #ended = null;
  #noteEnd;
  #spoke = performance.now();
  #heard = performance.now();
  #watch;

  /** Called when this side has said nothing for a while. */
  ping = () => {};
  /** Resolves when the connection is over. */
  over = new Promise((resolve) => {
    this.#noteEnd = resolve;
  });
  /** Called when something has come, or the end, that nobody waits for. */
  unasked = () => {};

  /** Connect to the listening port of the page's own host; raises {@link Unreachable}. */
  static open(origin, sessionIdHex) {
    const url = `${origin.replace(/^http/, "ws")}${LISTEN_PATH}${sessionIdHex}`;
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, SUBPROTOCOL);
      socket.binaryType = "arraybuffer";
      const fail = () => {
        clearTimeout(timer);
        socket.close();
        reject(new Unreachable("the listening port does not answer"));
      };
      const timer = setTimeout(fail, CONNECT_MS);
      socket.onerror = fail;
      socket.onclose = fail;
      socket.onopen = () => {
        clearTimeout(timer);
        resolve(new Connection(socket));
      };
    });
  }

  constructor(socket) {
    this.#socket = socket;
    socket.onerror = null;
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = ({ code, reason }) => this.#end(endingOf(code, reason));
    this.#watch = setInterval(() => this.#look(), WATCH_MS);
  }

  /** Send one binary message. That the connection has ended, and why, shows when receiving. */
  send(message) {
    this.#spoke = performance.now();
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  /**
   * The next message. A close code of this protocol is thrown as its error, any other end as
   * {@link CutOff}, silence as {@link TimedOut}; each after what came before it.
   */
  receive() {
    if (this.#received.length) return Promise.resolve(this.#shift());
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** The next message that is here already, or null; throws as {@link receive} does. */
  takeReceived() {
    if (this.#received.length) return this.#shift();
    if (this.#ended) throw this.#ended;
    return null;
  }

  /** End it; what is received later is dropped. */
  close() {
    this.#end(new CutOff("closed"));
    this.#socket.close(NORMAL);
  }

  #shift() {
    const message = this.#received.shift();
    this.#receivedBytes -= message.length;
    return message;
  }

  #take(data) {
    if (this.#ended) return;
    this.#heard = performance.now();
    if (typeof data === "string") {
      this.close();
      return;
    }
    const message = new Uint8Array(data);
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting) {
      waiting.resolve(message);
      return;
    }
    this.#received.push(message);
    this.#receivedBytes += message.length;
    if (this.#receivedBytes > WAITING_BYTES_MAX) {
      this.#end(new WindowOverrun("the station sends more than it was granted"));
      this.#socket.close();
    } else {
      this.unasked();
    }
  }

  #end(error) {
    if (this.#ended) return;
    this.#ended = error;
    clearInterval(this.#watch);
    this.#noteEnd();
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting) waiting.reject(error);
    else this.unasked();
  }

  #look() {
    const now = performance.now();
    if (now - this.#heard > IDLE_SECONDS * 1000) {
      this.#end(new TimedOut("the station has fallen silent"));
      this.#socket.close();
    } else if (now - this.#spoke > PING_SECONDS * 1000) {
      this.ping();
    }
  }
}

function endingOf(code, reason) {
  if (ERROR_CODES.has(code)) return errorFor(code, reason);
  return new CutOff("the connection to the station was lost");
}
