// The Workers behind the page, joined by channels: one engine, its readers, and for each reader one
// that hashes whole files.

const READERS_MAX = 2;
const MODULE = { type: "module" };

/**
 * Start them; the engine's Worker. `hear(event)` gets what the engine tells, `missing(error)` that one
 * of them did not start.
 */
export function startEngine(hear, missing) {
  // Not the static file itself: the station says beside it where the engine may connect.
  const engine = new Worker(new URL("engine.js", location), MODULE);
  const ports = Array.from({ length: readerCount() }, () => startReader(missing));
  engine.postMessage({ readers: ports }, ports);
  engine.onmessage = ({ data }) => hear(data);
  engine.onerror = missing;
  return engine;
}

/** One core is the engine's. */
function readerCount() {
  return Math.max(1, Math.min(READERS_MAX, (navigator.hardwareConcurrency ?? 2) - 1));
}

function startReader(missing) {
  const reader = started("./reading.js", missing);
  const hasher = started("./hashing.js", missing);
  const [toEngine, toHasher] = [new MessageChannel(), new MessageChannel()];
  const ports = { port: toEngine.port1, hashing: toHasher.port1 };
  reader.postMessage(ports, Object.values(ports));
  hasher.postMessage({ port: toHasher.port2 }, [toHasher.port2]);
  return toEngine.port2;
}

function started(script, missing) {
  const worker = new Worker(new URL(script, import.meta.url), MODULE);
  worker.onerror = missing;
  return worker;
}
