// What tests/vectors/*.json say of the phone's half, as checks that run in node and in a browser.

/** Each check as [name, function that throws]; `vectors` has the parsed files by their names. */
export function checks(wire, vectors) {
  return [
    ...noiseChecks(wire, vectors.noise),
    ...invitationChecks(wire, vectors.invitation),
    ...tokenChecks(wire, vectors.tokens),
    ...messageChecks(wire, vectors.messages),
    ...handshakeChecks(wire, vectors.handshake),
  ];
}

function same(found, wanted) {
  if (found !== wanted) throw new Error(`${String(found)} instead of ${String(wanted)}`);
}

function refused(kind, work) {
  let found;
  try {
    found = work();
  } catch (error) {
    if (error instanceof kind) return;
    throw new Error(`${error.name} instead of ${kind.name}: ${error.message}`);
  }
  throw new Error(`accepted instead of ${kind.name}: ${String(found)}`);
}

/** What is in a vector as plain JSON, as the decoders give it. */
function plain(value) {
  return JSON.stringify(value, (_, one) => (typeof one === "bigint" ? Number(one) : one));
}

// Noise

function noiseChecks(wire, { vectors }) {
  return vectors.map((vector) => [
    `noise: every byte of ${vector.protocol_name}`,
    () => followNoise(wire, vector),
  ]);
}

function followNoise(wire, vector) {
  const { hex, unhex } = wire.bytes;
  const sides = [noiseSide(wire, vector, "init"), noiseSide(wire, vector, "resp")];
  const steps = vector.messages.map(({ payload, ciphertext }) => [unhex(payload), ciphertext]);
  steps.slice(0, 2).forEach(([payload, ciphertext], number) => {
    same(hex(sides[number].writeMessage(payload)), ciphertext);
    same(hex(sides[1 - number].readMessage(unhex(ciphertext))), hex(payload));
  });
  for (const side of sides) same(hex(side.handshakeHash), vector.handshake_hash);
  const [sending, receiving] = sides.map((side) => side.split());
  steps.slice(2).forEach(([payload, ciphertext], number) => {
    same(hex(sending[number % 2].encrypt(payload)), ciphertext);
    same(hex(receiving[number % 2].decrypt(unhex(ciphertext))), hex(payload));
  });
}

function noiseSide({ bytes, noise }, vector, side) {
  const value = (name) => (name in vector ? bytes.unhex([vector[name]].flat()[0]) : null);
  const patterns = Object.values(noise.Pattern);
  return new noise.HandshakeState(
    patterns.find(({ protocolName }) => protocolName === vector.protocol_name),
    {
      initiator: side === "init",
      prologue: value(`${side}_prologue`),
      ephemeral: value(`${side}_ephemeral`),
      s: value(`${side}_static`),
      rs: value(`${side}_remote_static`),
      psk: value(`${side}_psks`),
    },
  );
}

// Invitations

function invitationChecks(wire, vectors) {
  const { unhex } = wire.bytes;
  const { Invitation, InvitationRefused } = wire.invitation;
  return [
    ...vectors.invitations.map((vector) => [
      `invitation: ${vector.name}`,
      () => readInvitation(wire, vector, unhex(vectors.station_public_key)),
    ]),
    ...vectors.refused.map(({ name, encoded }) => [
      `invitation refused: ${name}`,
      () => refused(InvitationRefused, () => Invitation.decode(unhex(encoded))),
    ]),
    ["invitation: station id", () => nameStation(wire, vectors)],
    ["invitation: connection", () => connectByInvitation(wire, vectors)],
  ];
}

function readInvitation({ bytes: { hex }, invitation: module, errors }, vector, stationKey) {
  const { origin, invitation } = module.parseLink(vector.link);
  same(origin, new URL(vector.link).origin);
  same(invitation.link(origin), vector.link);
  for (const name of ["scope", "expires", "port"]) same(invitation[name], vector[name]);
  same(invitation.imOrigin, vector.im_origin);
  same(invitation.addresses.map(module.addressText).join(), vector.addresses.join());
  same(hex(invitation.sessionId), vector.session_id);
  same(hex(invitation.secret), vector.secret);
  same(hex(invitation.encode()), vector.encoded);
  same(hex(invitation.publicPart()), vector.public_part);
  same(hex(invitation.prologue()), vector.prologue);
  same(hex(invitation.psk()), vector.psk);
  invitation.checkAddresses();
  invitation.verify(stationKey);
  refused(errors.VerificationFailed, () => invitation.verify(stationKey.map((byte) => byte ^ 1)));
}

function nameStation({ bytes: { hex, unhex }, invitation }, vectors) {
  const identifier = invitation.stationId(unhex(vectors.station_public_key));
  same(hex(identifier), vectors.station_id);
  same(invitation.stationIdText(identifier), vectors.station_id_text);
}

function connectByInvitation(wire, { invitations, connection, ...vectors }) {
  const { hex, unhex } = wire.bytes;
  const invitation = wire.invitation.Invitation.decode(unhex(invitations[0].encoded));
  const phone = new wire.noise.HandshakeState(wire.noise.Pattern.NK_PSK0, {
    initiator: true,
    prologue: invitation.prologue(),
    rs: invitation.invitationKey,
    psk: invitation.psk(),
    ephemeral: unhex(connection.phone_ephemeral),
  });
  const station = new wire.noise.HandshakeState(wire.noise.Pattern.NK_PSK0, {
    initiator: false,
    prologue: invitation.prologue(),
    s: unhex(vectors.invitation_private_key),
    psk: invitation.psk(),
    ephemeral: unhex(connection.station_ephemeral),
  });
  const nothing = new Uint8Array(0);
  same(hex(phone.writeMessage(nothing)), connection.first_message);
  station.readMessage(unhex(connection.first_message));
  same(hex(station.writeMessage(nothing)), connection.second_message);
  phone.readMessage(unhex(connection.second_message));
  same(hex(phone.handshakeHash), connection.handshake_hash);
  same(wire.proofs.sixDigits(phone.handshakeHash), connection.digits);
  const [send, receive] = phone.split();
  const channel = new wire.channel.Channel(send, receive, phone.handshakeHash);
  same(hex(channel.seal(unhex(connection.frame))), connection.phone_websocket_message);
}

// Tokens

function tokenChecks(wire, vectors) {
  const { unhex } = wire.bytes;
  const { Ticket, verify } = wire.tokens;
  const issuer = unhex(vectors.keys.issuer.public_key);
  return [
    ...vectors.tokens.map((vector) => [
      `token: ${vector.name}`,
      () => readToken(wire, vector, vectors.keys),
    ]),
    ...vectors.refused_as_tickets.map(({ name, token }) => [
      `token refused: ${name}`,
      () => refused(wire.errors.TokenRefused, () => verify(token, Ticket, [issuer])),
    ]),
    ["token: hashes, thumbprints and the published keys", () => nameKeys(wire, vectors)],
  ];
}

function readToken(wire, vector, keys) {
  const { Indication, Receipt, SecondInfo, Ticket, verify } = wire.tokens;
  const key = wire.bytes.unhex(keys[vector.signed_by].public_key);
  for (const kind of [Indication, Receipt, SecondInfo, Ticket]) {
    if (kind.typ === vector.typ) {
      const claims = kind.claims.write(verify(vector.token, kind, [key]));
      same(plain(claims), plain(vector.claims));
    } else {
      refused(wire.errors.TokenRefused, () => verify(vector.token, kind, [key]));
    }
  }
}

function nameKeys({ bytes: { hex, unhex, utf8 }, tokens, im }, vectors) {
  const ticket = vectors.tokens.find(({ name }) => name === "ticket").token;
  same(hex(tokens.tokenHash(ticket)), vectors.ticket_hash);
  for (const key of Object.values(vectors.keys)) {
    same(tokens.thumbprint(unhex(key.public_key)), key.thumbprint);
  }
  const published = im.decodeKeys(utf8(JSON.stringify(vectors.jwk_set)));
  same(
    published.map(hex).join(),
    vectors.jwk_set.keys.map(({ x }) => hex(tokens.unb64u(x))).join(),
  );
}

// Messages

function messageChecks(wire, { both, phone, station }) {
  const { decodeFromStation, encode } = wire.messages;
  const { unutf8, utf8 } = wire.bytes;
  return [
    ...[...both, ...station].map((text) => [
      `message from the station: ${text.slice(0, 40)}`,
      () => same(plain(asSent(decodeFromStation(utf8(text)), wire)), plain(JSON.parse(text))),
    ]),
    ...[...both, ...phone].map((text) => [
      `message from the phone: ${text.slice(0, 40)}`,
      () => same(unutf8(encode(asGiven(JSON.parse(text), wire))), text),
    ]),
    ...phone.map((text) => [
      `message that no station sends: ${text.slice(0, 40)}`,
      () => refused(wire.errors.MalformedMessage, () => decodeFromStation(utf8(text))),
    ]),
  ];
}

/** A decoded message as its JSON has it: what is absent is left out. */
function asSent(value, wire) {
  if (value instanceof Uint8Array) return wire.bytes.base64(value);
  if (Array.isArray(value)) return value.map((one) => asSent(one, wire));
  if (value === null || typeof value !== "object") return value;
  const members = Object.entries(value).filter(
    ([name, one]) => one !== null && !(["items", "under"].includes(name) && one.length === 0),
  );
  return Object.fromEntries(
    members.map(([name, one]) => [wire.fields.snake(name), asSent(one, wire)]),
  );
}

const BYTES = ["digests", "header", "phone_key", "proof", "signature"];

/** A message's JSON as a phone gives it to `encode`. */
function asGiven(value, wire, key = "") {
  if (BYTES.includes(key)) return wire.bytes.unbase64(value);
  if (key === "wants") return value.map(([item, first, count]) => ({ item, first, count }));
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [camel(name), asGiven(one, wire, name)]),
  );
}

// Handshakes

function handshakeChecks(wire, vector) {
  const cast = handshakeCast(wire, vector);
  const events = (steps, begin) => cast.follow(cast.phone(), steps, begin).join();
  return [
    [
      "handshake: verification",
      () => same(events(vector.steps, cast.present), "connected,secondAccepted,opened"),
    ],
    [
      "handshake: enrolment",
      () => same(events(vector.enrolment_steps, cast.enrol), "connected,waiting,enrolledAs"),
    ],
    ["handshake: what is derived", () => derive(wire, vector, cast)],
    ...vector.refused
      .filter(({ to }) => to === "phone")
      .map((row) => [`handshake refused: ${row.name}`, () => refuseAt(wire, vector, cast, row)]),
  ];
}

function handshakeCast(wire, { inputs }) {
  const { hex, unhex } = wire.bytes;
  const issuer = unhex(inputs.ed25519_public_keys.issuer);
  const indication = () => {
    return wire.tokens.verify(inputs.indication, wire.tokens.Indication, [issuer]);
  };
  return {
    phone: () =>
      new wire.handshake.PhoneHandshake(
        wire.invitation.Invitation.decode(unhex(inputs.invitation)),
        unhex(inputs.ed25519_private_keys.phone),
        unhex(inputs.x25519_private_keys.phone_ephemeral),
      ),
    present: (phone) => phone.present(inputs.ticket, indication(), inputs.account.sub),
    enrol: (phone) => phone.enrol("爱丽丝的手机"),
    /** Play the phone's part of `steps`; the kinds of what happened. */
    follow: (phone, steps, begin) => {
      const kinds = [];
      phone.hello();
      for (const { from, websocket_message: message } of steps) {
        if (from === "phone") {
          same(phone.dataToSend().map(hex).join(), message);
          continue;
        }
        const { kind } = phone.receive(unhex(message));
        kinds.push(kind);
        if (kind === "connected") begin(phone);
      }
      return kinds;
    },
  };
}

function derive(wire, vector, cast) {
  const { hex } = wire.bytes;
  const phone = cast.phone();
  cast.follow(phone, vector.steps, cast.present);
  const h = phone.channel.handshakeHash;
  const second = JSON.parse(vector.steps[3].carries).token;
  same(hex(h), vector.derived.handshake_hash);
  same(phone.digits, vector.derived.digits);
  same(hex(wire.tokens.tokenHash(vector.inputs.ticket)), vector.derived.ticket_hash);
  same(hex(wire.proofs.firstText(h, vector.inputs.ticket)), vector.derived.first_proof_text);
  same(hex(wire.proofs.verifiedText(second)), vector.derived.verified_proof_text);
  same(hex(wire.proofs.enrolText(h)), vector.derived.enrol_proof_text);
}

function refuseAt(wire, vector, cast, { after_steps: after, websocket_message: message }) {
  const phone = cast.phone();
  cast.follow(phone, vector.steps.slice(0, after), cast.present);
  const { WireError, VerificationFailed } = wire.errors;
  refused(WireError, () => phone.receive(wire.bytes.unhex(message)));
  same(phone.state, wire.handshake.State.FAILED);
  const next = wire.bytes.unhex(vector.steps[after].websocket_message);
  refused(VerificationFailed, () => phone.receive(next));
}
