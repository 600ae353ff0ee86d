// What this browser keeps, in IndexedDB: the phone's key, its enrolments, and parts of a restore.
// IndexedDB is there on plain http as well; some private windows have none, or lose it.

import { NoRoom } from "./errors.js";

const NAME = "backupstation";
const VERSION = 1;
const STORES = ["keys", "enrolments", "parts"];

let opened = null;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = requested();
    request.onupgradeneeded = () => {
      for (const store of STORES) request.result.createObjectStore(store);
    };
    request.onsuccess = () => {
      request.result.onclose = forget; // the browser closed it: opened again at the next use
      resolve(request.result);
    };
    request.onerror = () => reject(refusal(request.error));
    request.onblocked = () => reject(new NoRoom("another page holds an older database open"));
  });
  opened.catch(forget);
  return opened;
}

function forget() {
  opened = null;
}

/** Some private windows have no IndexedDB, or throw at once. */
function requested() {
  try {
    return indexedDB.open(NAME, VERSION);
  } catch (error) {
    throw refusal(error);
  }
}

function refusal(error) {
  return new NoRoom(error?.name === "QuotaExceededError" ? "no room left" : String(error));
}

/** Run `work(store)` in one transaction; the value of the request that it returns, once durable. */
async function within(name, mode, work) {
  const db = await database();
  return new Promise((resolve, reject) => {
    const transaction = begun(db, name, mode);
    const request = work(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(refusal(transaction.error));
  });
}

function begun(db, name, mode) {
  try {
    return db.transaction(name, mode, { durability: "strict" });
  } catch (error) {
    forget();
    throw refusal(error);
  }
}

/** The value under `key`, or undefined. Throws {@link NoRoom} where the browser keeps nothing. */
export function get(store, key) {
  return within(store, "readonly", (found) => found.get(key));
}

/** Keep `value` under `key` in place of an older one. */
export function put(store, key, value) {
  return within(store, "readwrite", (found) => found.put(value, key));
}

/** Keep `value` unless there is one already; the one that is kept. */
export async function putOnce(store, key, value) {
  await within(store, "readwrite", (found) => {
    found.get(key).onsuccess = ({ target }) => {
      if (target.result === undefined) found.put(value, key);
    };
  });
  return get(store, key);
}

/** All values whose key is an array that begins with these parts, in the order of their keys. */
export function allUnder(store, ...prefix) {
  return within(store, "readonly", (found) => found.getAll(rangeOf(prefix)));
}

/** The keys of all that begin with these parts. */
export function keysUnder(store, ...prefix) {
  return within(store, "readonly", (found) => found.getAllKeys(rangeOf(prefix)));
}

/** Forget all whose key begins with these parts. */
export function removeUnder(store, ...prefix) {
  return within(store, "readwrite", (found) => found.delete(rangeOf(prefix)));
}

/** An array sorts after every number and text, so it ends the range of longer keys. */
function rangeOf(prefix) {
  return IDBKeyRange.bound(prefix, [...prefix, []], false, true);
}
