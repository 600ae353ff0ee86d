// Addresses of the local network, as bytes: 4 for IPv4, 16 for IPv6.

import { readU16 } from "./bytes.js";

/**
 * Whether an address of 4 or 16 bytes is RFC 1918, link-local, ULA (RFC 4193) or loopback. An IPv4
 * address inside an IPv6 one is none of them.
 */
export function isLocal(address) {
  const [a, b] = address;
  if (address.length === 4) {
    return (
      a === 10 ||
      a === 127 ||
      (a === 172 && b >> 4 === 1) ||
      (a === 192 && b === 168) ||
      (a === 169 && b === 254)
    );
  }
  const isLoopback = address.every((byte, at) => byte === Number(at === 15));
  return a >> 1 === 0xfc >> 1 || (a === 0xfe && b >> 6 === 2) || isLoopback;
}

/** An address as text: dotted, or the canonical form of RFC 5952. */
export function addressText(address) {
  if (address.length === 4) return address.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => readU16(address, 2 * at).toString(16));
  const [start, length] = longestZeros(groups);
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

/** The first of the longest runs of zeros, as RFC 5952 section 4.2 shortens it. */
function longestZeros(groups) {
  let best = [0, 0];
  for (let start = 0; start < groups.length; start += 1) {
    let end = start;
    while (groups[end] === "0") end += 1;
    if (end - start > best[1]) best = [start, end - start];
  }
  return best;
}
