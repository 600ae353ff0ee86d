// JSON (RFC 8259) as this protocol reads it: no key twice, no lone surrogate, and integers that are
// exact. JSON.parse keeps the last of two equal keys and rounds what a Number cannot hold.

import { MalformedMessage } from "./errors.js";

const DEPTH_MAX = 32;
const INTEGER_CHARS_MAX = 20; // that many has a negative number of 64 bits
const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** A number that is no integer of 64 bits: where one is wanted this is refused. */
export class Numeral {
  constructor(text) {
    this.text = text;
  }
}

/**
 * The value of a JSON text: objects without a prototype, arrays, strings, true, false, null;
 * integers as Number, outside its exact range as BigInt; all other numbers as {@link Numeral}.
 * Throws MalformedMessage.
 */
export function parse(text) {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  #text;
  #at = 0;

  constructor(text) {
    this.#text = text;
    this.#skip();
  }

  end() {
    if (this.#at !== this.#text.length) this.#refuse("something after the value");
  }

  value(depth) {
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(this.#deeper(depth));
      case "[":
        return this.#array(this.#deeper(depth));
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(depth) {
    const found = Object.create(null);
    if (this.#openedEmpty("}")) return found;
    do {
      if (this.#text[this.#at] !== '"') this.#refuse("a key must be text");
      const key = this.#string();
      if (key in found) this.#refuse("a key occurs twice");
      if (!this.#took(":")) this.#refuse("a key without a value");
      found[key] = this.value(depth);
    } while (this.#took(","));
    if (!this.#took("}")) this.#refuse("an object does not end");
    return found;
  }

  #array(depth) {
    const found = [];
    if (this.#openedEmpty("]")) return found;
    do found.push(this.value(depth));
    while (this.#took(","));
    if (!this.#took("]")) this.#refuse("an array does not end");
    return found;
  }

  #string() {
    const parts = [];
    for (this.#at += 1; ;) {
      parts.push(this.#match(PLAIN)[0]);
      const stop = this.#text[this.#at];
      if (stop === '"') break;
      if (stop !== "\\") this.#refuse("a text does not end, or has a control character");
      parts.push(this.#escape());
    }
    this.#at += 1;
    this.#skip();
    return parts.length === 1 ? parts[0] : parts.join("");
  }

  #escape() {
    const letter = this.#text[this.#at + 1];
    if (letter !== "u") {
      this.#at += 2;
      return ESCAPES[letter] ?? this.#refuse("an unknown escape");
    }
    const unit = this.#unit();
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
    const low = unit < 0xdc00 && this.#text[this.#at] === "\\" ? this.#unit() : 0;
    if (low < 0xdc00 || low > 0xdfff) this.#refuse("a lone surrogate");
    return String.fromCharCode(unit, low);
  }

  #unit() {
    const digits = this.#text.slice(this.#at + 2, this.#at + 6);
    if (this.#text[this.#at + 1] !== "u" || !/^[0-9a-fA-F]{4}$/.test(digits)) {
      this.#refuse("an escape without four digits");
    }
    this.#at += 6;
    return Number.parseInt(digits, 16);
  }

  #word(word, value) {
    if (!this.#text.startsWith(word, this.#at)) this.#refuse("no value");
    this.#at += word.length;
    this.#skip();
    return value;
  }

  #number() {
    const match = this.#match(NUMBER);
    if (match === null) this.#refuse("no value");
    this.#skip();
    const [text, fraction, exponent] = match;
    const number = Number(text);
    if (fraction || exponent) {
      return Number.isFinite(number) ? new Numeral(text) : this.#refuse("a number out of range");
    }
    if (text.length > INTEGER_CHARS_MAX) return new Numeral(text);
    return Number.isSafeInteger(number) ? number + 0 : BigInt(text);
  }

  #deeper(depth) {
    if (depth === DEPTH_MAX) this.#refuse("too deep");
    return depth + 1;
  }

  #openedEmpty(close) {
    this.#at += 1;
    this.#skip();
    return this.#took(close);
  }

  #took(sign) {
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    this.#skip();
    return true;
  }

  #skip() {
    const code = this.#text.charCodeAt(this.#at);
    if (code <= 32) this.#match(SPACE);
  }

  #match(pattern) {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #refuse(why) {
    throw new MalformedMessage(`JSON: ${why} (at ${this.#at})`);
  }
}

/**
 * The JSON text of objects, arrays, strings, booleans, null, and integers as Number or BigInt. What
 * is undefined in an object is left out. Throws TypeError for anything else: nothing is rounded.
 */
export function stringify(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return String(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(stringify).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`${typeof value} has no JSON here`);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, one]) => `${JSON.stringify(key)}:${stringify(one)}`).join(",")}}`;
}
