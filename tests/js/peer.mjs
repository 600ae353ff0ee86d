// The phone's wire modules as a process, for tests in Python: one request on standard input, one
// answer on standard output, and so on. Both are u32 | u32 | JSON | body, the numbers being the
// lengths of the JSON and of the body in bytes. A refusal is answered by {refused, code, message}.

import { Asking, Lot } from "../../static/phone/asking.js";
import { cutter } from "../../static/phone/cutting.js";
import { mediaType } from "../../static/phone/sources.js";
import { loadWire } from "./wire.mjs";

const wire = await loadWire(new URL("../../static/phone/wire/", import.meta.url));
const { bytes, errors } = wire;
let phone = null;

const OPERATIONS = {
  limits: () => ({ value: { ...wire.limits } }),
  errors: () => ({ value: describeErrors() }),
  refusals: () => ({ value: wire.im.REFUSALS }),

  link: (_, body) => {
    const { origin, invitation } = wire.invitation.parseLink(bytes.unutf8(body));
    return { value: { origin, scopes: invitation.scopes }, body: invitation.encode() };
  },
  invitation: (_, body) => {
    const invitation = wire.invitation.Invitation.decode(body);
    invitation.checkAddresses();
    return { value: describe(invitation), body: invitation.encode() };
  },
  token: ({ token, kind, keys }) => ({
    value: sent(wire.tokens.verify(token, wire.tokens[kind], keys.map(bytes.unhex))),
  }),
  jwkSet: (_, body) => ({ value: wire.im.decodeKeys(body).map(bytes.hex) }),
  message: (_, body) => ({ value: sent(wire.messages.decodeFromStation(body)) }),
  enrolReply: (_, body) => ({ value: sent(wire.im.decodeEnrolReply(body)) }),
  connectReply: (_, body) => ({ value: sent(wire.im.decodeConnectReply(body)) }),
  refusal: (_, body) => {
    const { refusal, message } = wire.im.refusalFrom(body);
    return { value: { refusal, message } };
  },
  page: (_, body) => {
    const items = wire.manifest.decodePage(body);
    return { value: sent(items), body: wire.manifest.encodePage(items) };
  },
  header: (_, body) => {
    const header = wire.manifest.decodeHeader(body);
    return { value: sent(header), body: wire.manifest.encodeHeader(header) };
  },
  receipt: ({ receipt, key }, body) => ({
    value: sent(wire.manifest.checkReceipt(receipt, body, bytes.unhex(key))),
  }),
  signHeader: ({ key }, body) => ({ body: wire.manifest.signHeader(bytes.unhex(key), body) }),
  checkHeader: ({ key, signature }, body) => {
    wire.manifest.checkHeaderSignature(bytes.unhex(key), body, bytes.unhex(signature));
    return {};
  },
  sorted: ({ names }) => ({ value: names.sort(wire.manifest.compareNames) }),
  itemName: ({ name }) => ({ value: wire.manifest.checkItemName(name) ?? null }),
  snapshotId: (_, body) => ({ value: wire.manifest.snapshotIdText(body) }),
  normalised: ({ typed }) => ({
    value: [wire.manifest.normaliseSnapshotId(typed), wire.im.canonicalCode(typed)],
  }),
  cut: ({ name, size, blocks }, body) => ({ value: cutInBlocks(name, size, blocks, body) }),
  mediaTypes: ({ names }) => ({ value: names.map(mediaType) }),
  asking: ({ steps }) => ({ value: askStepByStep(steps) }),
  connectRequest: ({ key, scope, iss }, body) => ({ body: askForTicket(key, scope, iss, body) }),
  enrolRequest: ({ key, code, name }) => ({ body: askByCode(bytes.unhex(key), code, name) }),

  begin: ({ key, ephemeral, stationKey }, body) => {
    const invitation = wire.invitation.Invitation.decode(body);
    invitation.verify(bytes.unhex(stationKey));
    const { PhoneHandshake } = wire.handshake;
    phone = new PhoneHandshake(invitation, bytes.unhex(key), bytes.unhex(ephemeral));
    phone.hello();
    return outgoing(null);
  },
  enrol: ({ name }) => outgoing(phone.enrol(name) ?? null),
  present: ({ ticket, indication, issuer, sub }) => {
    const { Indication, verify } = wire.tokens;
    const claims = verify(indication, Indication, [bytes.unhex(issuer)]);
    return outgoing(phone.present(ticket, claims, sub) ?? null);
  },
  ping: () => outgoing(phone.ping() ?? null),
  receive: (_, body) => outgoing(phone.receive(body)),
  encode: ({ message }) => ({ body: wire.messages.encode(message) }),
  seal: (_, body) => ({ body: phone.channel.seal(body) }),
  open: (_, body) => {
    const plaintext = phone.channel.open(body);
    const found = wire.channel.frames(plaintext);
    return { value: found.map(({ type, payload }) => [type, payload.length]), body: plaintext };
  },
};

/** The lengths of all chunks of a file that is read in blocks of these sizes. */
function cutInBlocks(name, size, blocks, body) {
  const cut = cutter(name, size);
  const lengths = [];
  let [at, start] = [0, 0];
  for (const block of blocks) {
    at += block;
    for (const length of cut(body.subarray(start, at), at === size)) {
      lengths.push(length);
      start += length;
    }
  }
  return lengths;
}

/** What an Asking did at each of these steps. */
function askStepByStep(steps) {
  const asking = new Asking();
  let released = 0;
  const digestOf = (number) => new Uint8Array(32).fill(number & 255).fill(number >> 8, 16);
  const did = {
    offer: ([number, size]) => {
      const lot = new Lot(1, size, (bytes) => (released += bytes));
      asking.offer(digestOf(number), new Uint8Array(size), lot);
    },
    expect: ([number, owner]) => asking.expect(digestOf(number), owner),
    question: ([eager]) => {
      const question = asking.nextQuestion(eager);
      return question && [question.start, bytes.hex(question.digests)];
    },
    answer: ([start, refs]) => [...asking.answer({ start, refs })].sort((a, b) => a - b),
    abandon: ([owner]) => [...asking.abandon(owner)].sort(),
    reassign: ([number, owner]) => asking.reassign(bytes.hex(digestOf(number)), owner),
    take: () => asking.ready.splice(0).map(({ ref, data, lot }) => {
        lot.settle();
        return [ref, data.length];
      }),
  };
  return steps.map(([what, ...given]) => {
    const answer = did[what](given) ?? null;
    return [answer, released, asking.awaiting, asking.isIdle, asking.isOverburdened];
  });
}

function describeErrors() {
  return Object.values(errors)
    .filter((one) => typeof one === "function" && one.prototype instanceof Error)
    .map((kind) => {
      const { name, code, fatal } = new kind("");
      return { name, code, fatal, parent: Object.getPrototypeOf(kind).name };
    });
}

function describe(invitation) {
  const { scope, expires, port, imOrigin, addresses } = invitation;
  return { scope, expires, port, imOrigin, addresses: addresses.map(wire.invitation.addressText) };
}

/** What a decoder gave, as plain JSON with the names of the wire. */
function sent(value) {
  if (value instanceof Uint8Array) return bytes.base64(value);
  if (Array.isArray(value)) return value.map(sent);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [wire.fields.snake(name), sent(one)]),
  );
}

function askForTicket(key, scope, iss, publicPart) {
  const phoneKey = bytes.unhex(key);
  const text = wire.im.connectProofText(iss, publicPart, scope);
  const proof = wire.proofs.prove(phoneKey, text);
  const named = { publicPart, phoneKey: wire.proofs.publicBytes(phoneKey), scope, proof };
  return wire.im.encodeConnectRequest(named);
}

function askByCode(key, code, name) {
  const proof = wire.proofs.prove(key, wire.im.enrolCodeProofText(code));
  return wire.im.encodeEnrolRequest({ code, phoneKey: wire.proofs.publicBytes(key), name, proof });
}

/** What happened, and the one message that is to be sent now. */
function outgoing(event) {
  const messages = phone.dataToSend();
  if (messages.length > 1) throw new Error("more than one message at once");
  const value = { event: event && sent(event), state: phone.state, sends: messages.length };
  return { value, body: messages[0] };
}

function answer({ operation, ...given }, body) {
  try {
    return OPERATIONS[operation](given, body);
  } catch (error) {
    if (!(error instanceof errors.WireError)) throw error;
    const { name: refused, code, message } = error;
    return { value: { refused, code, message, state: phone?.state ?? null } };
  }
}

function write({ value = null, body = new Uint8Array(0) }) {
  const head = bytes.utf8(wire.json.stringify(value));
  const lengths = bytes.concat(bytes.u32(head.length), bytes.u32(body.length));
  process.stdout.write(bytes.concat(lengths, head, body));
}

let pending = Buffer.alloc(0);
process.stdin.on("data", (piece) => {
  pending = pending.length ? Buffer.concat([pending, piece]) : piece;
  while (pending.length >= 8) {
    const start = 8 + pending.readUInt32BE(0);
    const end = start + pending.readUInt32BE(4);
    if (pending.length < end) return;
    const request = JSON.parse(pending.toString("utf8", 8, start));
    // A copy: in the modules no array is a view of another's buffer by accident.
    const body = Uint8Array.from(pending.subarray(start, end));
    pending = pending.subarray(end);
    write(answer(request, body));
  }
});
