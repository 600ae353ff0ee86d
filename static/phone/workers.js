// The Workers behind the page: one engine, and readers that are joined to it by channels.

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
  const reader = new Worker(new URL("./reading.js", import.meta.url), MODULE);
  reader.onerror = missing;
  const { port1, port2 } = new MessageChannel();
  reader.postMessage({ port: port1 }, [port1]);
  return port2;
}
