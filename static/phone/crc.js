// CRC-32 as zip files want it (ISO 3309), one byte a step.

const TABLE = new Int32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  TABLE[byte] = value;
}

/** Go on from `before` (0 at first) with these bytes; the checksum as a number below 2^32. */
export function crc32(bytes, before = 0) {
  let value = ~before;
  for (let at = 0; at < bytes.length; at += 1) {
    value = (value >>> 8) ^ TABLE[(value ^ bytes[at]) & 0xff];
  }
  return ~value >>> 0;
}
