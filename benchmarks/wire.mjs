// How fast the phone's JavaScript is, one thread: node benchmarks/wire.mjs. The same function runs
// in a browser, where the modules are those that a page has.

const MESSAGES = 40;
const WARM_UP = 10;

/** MB (10^6 bytes) per second of bulk work, and milliseconds of a handshake's parts. */
export function measure({ bytes, channel, cipher }, { sha256, x25519, ed25519 }) {
  const key = new Uint8Array(32).fill(7);
  const ciphers = () => [new cipher.CipherState(key), new cipher.CipherState(key)];
  const [phone, station] = [0, 1].map(() => new channel.Channel(...ciphers(), key));
  const plaintext = Uint8Array.from({ length: channel.MAX_PLAINTEXT }, (_, at) => at * 7);
  const sealed = [];
  const text = bytes.base64(plaintext);
  const signature = ed25519.sign(key, key);
  const publicKey = ed25519.getPublicKey(key);
  return {
    sha256: speed(() => sha256(plaintext), plaintext.length),
    seal: speed(() => sealed.push(phone.seal(plaintext)), plaintext.length),
    open: speed(() => station.open(sealed.shift()), plaintext.length),
    base64: speed(() => bytes.base64(plaintext), plaintext.length),
    unbase64: speed(() => bytes.unbase64(text), plaintext.length),
    "x25519 ms": milliseconds(() => x25519.getSharedSecret(key, x25519.getPublicKey(key))),
    "sign ms": milliseconds(() => ed25519.sign(key, key)),
    "verify ms": milliseconds(() => ed25519.verify(signature, key, publicKey, { zip215: false })),
  };
}

/** The fastest of many rounds: what else the machine does only slows rounds down. */
function milliseconds(work) {
  for (let round = 0; round < WARM_UP; round += 1) work();
  const rounds = Array.from({ length: MESSAGES }, () => {
    const began = performance.now();
    work();
    return performance.now() - began;
  });
  return Number(Math.min(...rounds).toFixed(2));
}

function speed(work, size) {
  return Number((size / 1000 / milliseconds(work)).toFixed(1));
}

if (typeof process === "object") {
  const { loadWire } = await import("../tests/js/wire.mjs");
  const wire = await loadWire(new URL("../static/phone/wire/", import.meta.url));
  console.log(measure(wire, await import("../static/vendor/noble.js")));
}
