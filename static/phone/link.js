// A scanned link, and the ones that a station gives to go on with.

import { Invitation, parseLink, stationIdText } from "./wire/invitation.js";

/** An invitation, and the origin whose page was opened with it. */
export class Link {
  /** Read a QR code's text; throws InvitationRefused. */
  static parse(text) {
    const { origin, invitation } = parseLink(text);
    return new Link(origin, invitation);
  }

  constructor(origin, invitation, { isFollowUp = false } = {}) {
    this.origin = origin;
    this.invitation = invitation;
    this.isFollowUp = isFollowUp;
  }

  /** The link that an encoded follow-up invitation of the same station makes. */
  followUp(invitation) {
    return new Link(this.origin, Invitation.decode(invitation), { isFollowUp: true });
  }

  /** The issuer's name where the IM server is inside the station. */
  get embeddedIss() {
    return `station:${stationIdText(this.invitation.stationId)}`;
  }
}
