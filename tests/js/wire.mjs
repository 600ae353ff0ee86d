// The phone's wire modules, for node and for a browser alike.

const NAMES = [
  "addresses",
  "bytes",
  "channel",
  "cipher",
  "crockford",
  "errors",
  "fields",
  "handshake",
  "im",
  "invitation",
  "json",
  "limits",
  "manifest",
  "messages",
  "noise",
  "proofs",
  "tokens",
];

/** Every module by its name; `base` is the address of the folder that holds them. */
export async function loadWire(base) {
  const modules = await Promise.all(NAMES.map((name) => import(new URL(`${name}.js`, base))));
  return Object.fromEntries(NAMES.map((name, at) => [name, modules[at]]));
}
