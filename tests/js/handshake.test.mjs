// What a phone takes from a station at which step, from a station that can seal whatever it likes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { concat, unhex, utf8 } from "../../static/phone/wire/bytes.js";
import { Channel, controlFrame, dataFrame, frames } from "../../static/phone/wire/channel.js";
import * as errors from "../../static/phone/wire/errors.js";
import { PhoneHandshake, State } from "../../static/phone/wire/handshake.js";
import { Invitation } from "../../static/phone/wire/invitation.js";
import { HandshakeState, Pattern } from "../../static/phone/wire/noise.js";

const url = new URL("../vectors/handshake.json", import.meta.url);
const { inputs, steps } = JSON.parse(readFileSync(url, "utf8"));
const invitation = Invitation.decode(unhex(inputs.invitation));
const nothing = new Uint8Array(0);
const STATES = [State.CHANNEL, State.ENROLLING, State.AWAIT_SECOND];

/** A phone in one of STATES, and the station's end of its channel. */
function meet(state = State.CHANNEL, payload = nothing) {
  const phone = new PhoneHandshake(
    invitation,
    unhex(inputs.ed25519_private_keys.phone),
    unhex(inputs.x25519_private_keys.phone_ephemeral),
  );
  const noise = new HandshakeState(Pattern.NK_PSK0, {
    initiator: false,
    prologue: invitation.prologue(),
    s: unhex(inputs.x25519_private_keys.invitation),
    psk: invitation.psk(),
    ephemeral: unhex(inputs.x25519_private_keys.station_ephemeral),
  });
  phone.hello();
  noise.readMessage(phone.dataToSend()[0]);
  phone.receive(noise.writeMessage(payload));
  const [receive, send] = noise.split();
  const station = new Channel(send, receive, noise.handshakeHash);
  if (state === State.ENROLLING) phone.enrol("phone");
  if (state === State.AWAIT_SECOND) phone.present(inputs.ticket, { stationKey: "" }, "sub");
  for (const message of phone.dataToSend()) station.open(message);
  assert.equal(phone.state, state);
  return { phone, station, say: (text) => phone.receive(station.seal(controlFrame(utf8(text)))) };
}

const ENROLLED =
  '{"type":"enrolled","iss":"i","sub":"s","keys":[],"station_name":"n","invitation":""}';
const OPEN = '{"type":"open","scope":"backup","window":1,"free":1,"station_name":"n"}';
const PENDING = '{"type":"pending","reason":"link","seconds":5}';
const TIMELESS = ['{"type":"ping"}', '{"type":"pong"}'];
const NEVER = [
  '{"type":"ack","bytes":1}',
  '{"type":"follow_up","invitation":""}',
  '{"type":"chunks.lack","start":0,"refs":[]}',
  '{"type":"snapshots.page","page":0,"pages":0,"snapshots":[]}',
  '{"type":"backup.stored","receipt":"r","received":0,"held":0}',
  OPEN,
];
const TAKEN = {
  [State.CHANNEL]: TIMELESS,
  [State.ENROLLING]: [...TIMELESS, PENDING, ENROLLED],
  [State.AWAIT_SECOND]: [...TIMELESS, PENDING],
};

for (const state of STATES) {
  for (const text of [...TIMELESS, PENDING, ENROLLED, ...NEVER]) {
    const taken = TAKEN[state].includes(text);
    test(`${state}: ${taken ? "takes" : "refuses"} ${text.slice(0, 30)}`, () => {
      const { phone, say } = meet(state);
      if (taken) return say(text);
      assert.throws(() => say(text), { constructor: errors.VerificationFailed });
      assert.equal(phone.state, State.FAILED);
      return assert.throws(() => say('{"type":"ping"}'), /over/);
    });
  }
}

test("a second information that nobody waits for is not even read", () => {
  for (const state of [State.CHANNEL, State.ENROLLING]) {
    const { say } = meet(state);
    assert.throws(() => say(steps[3].carries), /not in state/);
  }
});

test("a ping is answered, and a goodbye is an event and the end", () => {
  const { phone, station, say } = meet();
  assert.equal(say('{"type":"ping"}'), null);
  const [pong] = phone.dataToSend();
  assert.deepEqual(frames(station.open(pong))[0].payload, utf8('{"type":"pong"}'));
  assert.deepEqual(phone.dataToSend(), []);
  assert.equal(say('{"type":"bye"}').kind, "left");
  assert.throws(() => say('{"type":"ping"}'), /over/);
});

test("the station's refusal is thrown as what it stands for", () => {
  for (const [code, kind] of [...errors.allErrors(), [4999, errors.WireError]]) {
    const { say } = meet();
    const told = { constructor: kind, message: "because" };
    assert.throws(() => say(`{"type":"error","code":${code},"message":"because"}`), told);
  }
});

test("only one control message at a time", () => {
  const ping = controlFrame(utf8('{"type":"ping"}'));
  for (const plaintext of [
    concat(ping, ping),
    dataFrame(0, nothing),
    concat(ping, dataFrame(1, ping)),
  ]) {
    const { phone, station } = meet();
    assert.throws(() => phone.receive(station.seal(plaintext)), /single control messages/);
  }
});

test("no large message before open", () => {
  const { say } = meet();
  const text = `{"type":"ping"}${" ".repeat(16_384)}`;
  assert.throws(() => say(text), { constructor: errors.TooLarge });
});

test("no payload in the Noise reply", () => {
  const wrong = { constructor: errors.MalformedMessage };
  assert.throws(() => meet(State.CHANNEL, Uint8Array.of(1)), wrong);
});

test("the phone does each thing once and in its order", () => {
  const { phone } = meet();
  const early = new PhoneHandshake(invitation, new Uint8Array(32), new Uint8Array(32).fill(1));
  phone.enrol("phone");
  for (const work of [
    () => phone.hello(),
    () => phone.enrol("phone"),
    () => phone.present(inputs.ticket, { stationKey: "" }, "sub"),
    () => early.enrol("phone"),
    () => early.ping(),
    () => early.digits,
  ]) {
    assert.throws(work, { constructor: errors.VerificationFailed });
  }
});
