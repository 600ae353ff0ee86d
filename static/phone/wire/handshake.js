// The phone's side of connecting and verifying, as a state machine without I/O (docs/protocol.md,
// section 8; patent claims 4 and 9).
//
// Messages go in through `receive`; what must be sent is taken with `dataToSend`; what happened
// comes back as an event. Keys and randomness are given by the caller. An exception ends the
// handshake for good: nothing is accepted after it.
//
//     phone                                          station
//     hello (Noise e, psk)              ->
//                                       <-           reply (Noise e, ee): the channel is there
//     [enrol                            ->
//                                       <-           pending … enrolled]
//     first {ticket, proof}             ->           checks it, claims the invitation
//                                       <-           [pending …] second, from the account id
//     checks it: verified {proof}       ->
//                                       <-           open

import { Channel, FrameType, controlFrame, frames } from "./channel.js";
import {
  MalformedMessage,
  TokenRefused,
  TooLarge,
  VerificationFailed,
  errorFor,
} from "./errors.js";
import { VERIFICATION_MESSAGE_BYTES_MAX, WEBSOCKET_MESSAGE_BYTES_MAX } from "./limits.js";
import { decodeFromStation, encode } from "./messages.js";
import { HandshakeState, Pattern } from "./noise.js";
import { enrolText, firstText, prove, publicBytes, sixDigits, verifiedText } from "./proofs.js";
import { SecondInfo, b64u, thumbprint, tokenHash, unb64u, verify } from "./tokens.js";

/** Where a handshake is. */
export const State = Object.freeze({
  START: "start",
  AWAIT_REPLY: "await reply",
  CHANNEL: "channel",
  ENROLLING: "enrolling",
  ENROLLED: "enrolled",
  AWAIT_SECOND: "await second",
  AWAIT_OPEN: "await open",
  OPEN: "open",
  FAILED: "failed",
});

/**
 * What `receive` tells: frozen objects with a `kind`.
 *
 * connected {digits}           the channel is there; both screens show these six digits
 * waiting {reason, seconds}    the owner is being asked
 * enrolledAs {grant}           the owner allowed it; the `enrolled` message
 * secondAccepted               the second verification information is right
 * opened {terms}               verification is complete; the `open` message
 * left                         the station said goodbye
 */
function event(kind, details = {}) {
  return Object.freeze({ kind, ...details });
}

/** The mobile terminal's side. */
export class PhoneHandshake {
  #sessionId;
  #phoneKey;
  #phonePublic;
  #noise;
  #channel = null;
  #outgoing = [];
  #ticket = "";
  #indication = null;
  #sub = "";

  state = State.START;

  /**
   * @param invitation an {@link Invitation}
   * @param {Uint8Array} phoneKey the phone's Ed25519 private key, 32 bytes
   * @param {Uint8Array} ephemeral an X25519 private key, 32 fresh random bytes
   */
  constructor(invitation, phoneKey, ephemeral) {
    this.#sessionId = invitation.sessionId;
    this.#phoneKey = phoneKey;
    this.#phonePublic = publicBytes(phoneKey);
    this.#noise = new HandshakeState(Pattern.NK_PSK0, {
      initiator: true,
      prologue: invitation.prologue(),
      rs: invitation.invitationKey,
      psk: invitation.psk(),
      ephemeral,
    });
  }

  /** The secure channel, once it is there. */
  get channel() {
    if (this.#channel === null) throw new VerificationFailed("no channel yet");
    return this.#channel;
  }

  /** The six digits of this connection. */
  get digits() {
    return sixDigits(this.channel.handshakeHash);
  }

  /** WebSocket messages to send now, in order; each is returned once. */
  dataToSend() {
    return this.#outgoing.splice(0);
  }

  /** Queue the first Noise message. */
  hello() {
    this.#require(State.START);
    this.#outgoing.push(this.#noise.writeMessage(new Uint8Array(0)));
    this.state = State.AWAIT_REPLY;
  }

  /** Ask to become a phone of the invitation owner's account, under this name. */
  enrol(name) {
    this.#require(State.CHANNEL);
    const proof = prove(this.#phoneKey, enrolText(this.channel.handshakeHash));
    this.#send({ type: "enrol", phoneKey: this.#phonePublic, name, proof });
    this.state = State.ENROLLING;
  }

  /**
   * Send the first verification information.
   *
   * @param {string} ticket
   * @param indication claims of the connection indication, verified by the caller
   * @param {string} sub this phone's own account id
   */
  present(ticket, indication, sub) {
    this.#require(State.CHANNEL);
    [this.#ticket, this.#indication, this.#sub] = [ticket, indication, sub];
    const proof = prove(this.#phoneKey, firstText(this.channel.handshakeHash, ticket));
    this.#send({ type: "first", ticket, phoneKey: this.#phonePublic, proof });
    this.state = State.AWAIT_SECOND;
  }

  /** Keep the connection open while the owner decides. */
  ping() {
    this.#send({ type: "ping" });
  }

  /**
   * Take in one WebSocket message; what happened, or null. Throws a {@link WireError} that ends the
   * handshake; an `error` message of the station is thrown as the error that it stands for.
   */
  receive(message) {
    if (this.state === State.FAILED || this.state === State.OPEN) {
      throw new VerificationFailed("the handshake is over");
    }
    try {
      // A verified station opens with all that the code is bound to: up to 2,000 names.
      const isOpening = this.state === State.AWAIT_OPEN;
      if (message.length > (isOpening ? WEBSOCKET_MESSAGE_BYTES_MAX : VERIFICATION_MESSAGE_BYTES_MAX)) {
        throw new TooLarge("a message before verification is complete");
      }
      return this.#take(message);
    } catch (error) {
      this.state = State.FAILED;
      throw error;
    }
  }

  #take(message) {
    if (this.state === State.AWAIT_REPLY) return this.#takeReply(message);
    const received = decodeFromStation(this.#controlPayload(message));
    switch (received.type) {
      case "ping":
        this.#send({ type: "pong" });
        return null;
      case "pong":
        return null;
      case "bye":
        this.state = State.FAILED;
        return event("left");
      case "error":
        throw errorFor(received.code, received.message);
      case "pending":
        this.#require(State.ENROLLING, State.AWAIT_SECOND);
        return event("waiting", { reason: received.reason, seconds: received.seconds });
      case "enrolled":
        this.#require(State.ENROLLING);
        this.state = State.ENROLLED;
        return event("enrolledAs", { grant: received });
      case "second":
        return this.#takeSecond(received.token);
      case "open":
        this.#require(State.AWAIT_OPEN);
        this.state = State.OPEN;
        return event("opened", { terms: received });
      default:
        throw new VerificationFailed("this message may not come before verification");
    }
  }

  #takeReply(message) {
    if (this.#noise.readMessage(message).length) {
      throw new MalformedMessage("payload in the Noise reply");
    }
    const [send, receive] = this.#noise.split();
    this.#channel = new Channel(send, receive, this.#noise.handshakeHash);
    this.state = State.CHANNEL;
    return event("connected", { digits: this.digits });
  }

  /** Check that every claim is exactly what this connection makes it. */
  #takeSecond(token) {
    this.#require(State.AWAIT_SECOND);
    const second = verify(token, SecondInfo, [unb64u(this.#indication.stationKey)]);
    const expected = {
      iss: this.#indication.stationId,
      sub: this.#sub,
      aud: thumbprint(this.#phonePublic),
      sid: b64u(this.#sessionId),
      nonce: b64u(this.channel.handshakeHash),
      ath: b64u(tokenHash(this.#ticket)),
    };
    for (const [claim, wanted] of Object.entries(expected)) {
      if (second[claim] !== wanted) {
        throw new TokenRefused(`the second verification information's ${claim} is another`);
      }
    }
    const proof = prove(this.#phoneKey, verifiedText(token));
    this.#send({ type: "verified", proof });
    this.state = State.AWAIT_OPEN;
    return event("secondAccepted");
  }

  #controlPayload(message) {
    const parts = frames(this.channel.open(message));
    if (parts.length !== 1 || parts[0].type !== FrameType.CONTROL) {
      throw new VerificationFailed("only single control messages before verification is complete");
    }
    return parts[0].payload;
  }

  #send(message) {
    this.#outgoing.push(this.channel.seal(controlFrame(encode(message))));
  }

  #require(...states) {
    if (!states.includes(this.state)) {
      throw new VerificationFailed(`not in state ${this.state}`);
    }
  }
}
