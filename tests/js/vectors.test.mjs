// Every published vector that concerns the phone.

import { readFileSync } from "node:fs";
import test from "node:test";

import { checks } from "./vectors.mjs";
import { loadWire } from "./wire.mjs";

const wire = await loadWire(new URL("../../static/phone/wire/", import.meta.url));
const names = ["handshake", "invitation", "messages", "noise", "tokens"];
const read = (name) => readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8");
const vectors = Object.fromEntries(names.map((name) => [name, JSON.parse(read(name))]));

for (const [name, check] of checks(wire, vectors)) test(name, check);
