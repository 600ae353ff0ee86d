// From a scanned invitation to a verified connection (docs/protocol.md, sections 5 to 8).
//
// The IM server authenticates the invitation and answers with the connection indication and the
// ticket; only then does the phone connect. What the indication says must agree with the QR code.

import * as calling from "./calling.js";
import { Connection } from "./connection.js";
import { CutOff, NotEnrolled, NotPermitted, Untrusted } from "./errors.js";
import { Session } from "./session.js";
import { phoneKey, remember } from "./state.js";
import { base64url, equal, hex, unbase64url } from "./wire/bytes.js";
import { TokenRefused, VerificationFailed } from "./wire/errors.js";
import { PhoneHandshake } from "./wire/handshake.js";
import * as im from "./wire/im.js";
import { addressText, stationId, stationIdText } from "./wire/invitation.js";
import * as proofs from "./wire/proofs.js";
import * as tokens from "./wire/tokens.js";

const SECRET_BYTES = 32;

/**
 * Have the invitation authenticated, connect, verify each other (patent claims 1, 2 and 4).
 * `tell` hears {kind: "waiting"} while the owner is asked.
 */
export async function openSession(link, scope, identity, tell) {
  if (!link.invitation.scopes.includes(scope)) {
    throw new NotPermitted(`this link is for ${link.invitation.scopes.join(", ")}`);
  }
  const { ticket, indication } = await authenticate(link, scope, identity);
  const shaking = await Shaking.begin(link, identity.key, tell);
  try {
    await shaking.await("connected");
    shaking.handshake.present(ticket, indication, identity.enrolment.sub);
    await shaking.await("secondAccepted");
    const { terms } = await shaking.await("opened");
    if (terms.scope !== scope) throw new VerificationFailed("the station opened another scope");
    const { connection, handshake } = shaking;
    const stationKey = unbase64url(indication.stationKey);
    return new Session(link, connection, handshake.channel, terms, stationKey);
  } catch (error) {
    shaking.connection.close();
    throw error;
  }
}

/**
 * Ask the station's owner to let this phone in; the link to go on with. Where accounts are those of
 * an IM server elsewhere a one-time code is wanted instead: {@link NotEnrolled}.
 */
export async function enrolByInvitation(link, name, tell) {
  if (link.invitation.imOrigin) throw new NotEnrolled(link.invitation.imOrigin);
  const shaking = await Shaking.begin(link, await phoneKey(), tell);
  try {
    await shaking.await("connected");
    shaking.handshake.enrol(name);
    const { grant } = await shaking.await("enrolledAs");
    if (grant.iss !== link.embeddedIss) {
      throw new Untrusted("the station enrolled this phone at another issuer than itself");
    }
    const { iss, sub, keys, stationName } = grant;
    await remember({ iss, sub, keys, imOrigin: "", stationName });
    return link.followUp(grant.invitation);
  } finally {
    shaking.connection.close();
  }
}

/** Enrol at the link's IM server with the one-time code that it printed for an account. */
export async function enrolByCode(link, typed, name) {
  const origin = link.invitation.imOrigin;
  const key = await phoneKey();
  const code = im.canonicalCode(typed);
  const proof = proofs.prove(key.seed, im.enrolCodeProofText(code));
  const reply = await calling.enrol(origin, { code, phoneKey: key.public, name, proof });
  if (reply.iss.startsWith("station:")) {
    throw new Untrusted(`${origin} calls itself by a station's name`);
  }
  await remember({ ...reply, imOrigin: origin, stationName: "" });
}

/** Send the connection authentication information; check that the answer agrees with it. */
async function authenticate(link, scope, identity) {
  const { invitation } = link;
  const { key, enrolment } = identity;
  invitation.checkAddresses();
  if (invitation.imOrigin !== enrolment.imOrigin) {
    throw new Untrusted("the station leads to another IM server than this phone is enrolled at");
  }
  const publicPart = invitation.publicPart();
  const text = im.connectProofText(enrolment.iss, publicPart, scope);
  const request = {
    publicPart,
    phoneKey: key.public,
    scope,
    proof: proofs.prove(key.seed, text),
  };
  const reply = await calling.connect(invitation.imOrigin || link.origin, request);
  const indication = await readIndication(reply.indication, enrolment);
  checkIndication(invitation, indication, enrolment);
  return { ticket: reply.ticket, indication };
}

/**
 * Check the signature; an IM server elsewhere may have rotated its keys since they were pinned.
 * New keys are believed where at least one of the old ones is still published beside them.
 */
async function readIndication(token, enrolment) {
  try {
    return tokens.verify(token, tokens.Indication, enrolment.keys);
  } catch (error) {
    if (!(error instanceof TokenRefused) || !enrolment.imOrigin) throw error;
  }
  const keys = await calling.keys(enrolment.imOrigin);
  if (!keys.some((key) => enrolment.keys.some((known) => equal(known, key)))) {
    throw new Untrusted(`${enrolment.imOrigin} has other keys than at this phone's enrolment`);
  }
  const indication = tokens.verify(token, tokens.Indication, keys);
  await remember({ ...enrolment, keys });
  return indication;
}

function checkIndication(invitation, indication, enrolment) {
  const key = unbase64url(indication.stationKey);
  const agrees =
    indication.iss === enrolment.iss &&
    indication.sid === base64url(invitation.sessionId) &&
    indication.stationId === stationIdText(invitation.stationId) &&
    equal(stationId(key), invitation.stationId) &&
    indication.port === invitation.port &&
    indication.addresses.join() === invitation.addresses.map(addressText).join();
  if (!agrees) throw new Untrusted("the IM server speaks of another station than the QR code");
  invitation.verify(key);
}

/** A handshake under way over a connection. */
class Shaking {
  static async begin(link, key, tell) {
    const connection = await Connection.open(link.origin, hex(link.invitation.sessionId));
    return new Shaking(connection, link, key, tell);
  }

  constructor(connection, link, key, tell) {
    this.connection = connection;
    this.tell = tell;
    const ephemeral = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
    this.handshake = new PhoneHandshake(link.invitation, key.seed, ephemeral);
    connection.ping = () => {
      this.handshake.ping();
      this.#flush();
    };
    this.handshake.hello();
  }

  /** Go on until this happens; what else happens is told, or refused. */
  async await(kind) {
    for (;;) {
      this.#flush();
      const event = this.handshake.receive(await this.connection.receive());
      if (event?.kind === kind) {
        this.#flush();
        return event;
      }
      if (event?.kind === "waiting") {
        this.tell({ ...event, digits: this.handshake.digits });
      } else if (event?.kind === "left") {
        throw new CutOff("the station ended the connection");
      } else if (event) {
        throw new VerificationFailed("the station skipped a step");
      }
    }
  }

  #flush() {
    for (const message of this.handshake.dataToSend()) this.connection.send(message);
  }
}
