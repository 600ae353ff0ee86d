// JSON: what JSON.parse reads, less what this protocol refuses, and exact.

import assert from "node:assert/strict";
import test from "node:test";

import { MalformedMessage } from "../../static/phone/wire/errors.js";
import { Numeral, parse, stringify } from "../../static/phone/wire/json.js";

const refuses = (text) => {
  test(`refused: ${text.slice(0, 40)}`, () => {
    assert.throws(() => parse(text), { constructor: MalformedMessage });
  });
};

for (const text of [
  "",
  " ",
  "{",
  "[",
  "[1,]",
  "[,1]",
  '{"a":1,}',
  "{a:1}",
  "{'a':1}",
  '{"a" 1}',
  '{"a":1 "b":2}',
  "[1 2]",
  "1 2",
  "01",
  "-01",
  "+1",
  ".5",
  "1.",
  "1e",
  "1e+",
  "-",
  "--1",
  "0x1",
  "NaN",
  "Infinity",
  "-Infinity",
  "1e999",
  "nul",
  "True",
  "undefined",
  '"',
  '"\n"',
  '"\\x"',
  '"\\u12"',
  '"\\u12g4"',
  '"\\ud800"',
  '"\\udc00"',
  '"\\ud800\\n"',
  '"\\ud800\\ud800"',
  '"\\ud83d\\u0041"',
  "\ufeff1",
  "1\u00a0",
  "\u000b1",
  '{"a":1,"a":1}',
  '{"a":1,"\\u0061":2}',
  '{"__proto__":1,"__proto__":2}',
  "// 1",
  "[1]]",
  '"a"b',
  "[".repeat(100_000),
]) {
  refuses(text);
}

test("reads what JSON.parse reads", () => {
  const text =
    ' { "a" : [ 1 , -0 , true , false , null ] , ' +
    '"\\u7231 \\ud83d\\udcf1" : "\\"\\\\\\/\\b\\f\\n\\r\\t\u007f" } ';
  assert.equal(JSON.stringify(parse(text)), JSON.stringify(JSON.parse(text)));
});

test("keys of every object's prototype are keys like others", () => {
  const found = parse('{"__proto__":{"x":1},"constructor":2,"toString":3}');
  assert.deepEqual(Object.keys(found), ["__proto__", "constructor", "toString"]);
  assert.equal(found.x, undefined);
  assert.equal(parse("{}").toString, undefined);
});

test("integers are exact, as BigInt where a Number is not", () => {
  assert.equal(parse("9007199254740991"), Number.MAX_SAFE_INTEGER);
  assert.equal(parse("9007199254740992"), 2n ** 53n);
  assert.equal(parse("-9223372036854775808"), -(2n ** 63n));
  assert.equal(Object.is(parse("-0"), 0), true);
});

test("other numbers are no integers", () => {
  for (const text of ["1.0", "1e2", "-0.0", "1E-2", "9".repeat(21), "9".repeat(400)]) {
    assert.ok(parse(text) instanceof Numeral);
  }
});

test("32 brackets within each other, and no more", () => {
  assert.ok(parse("[".repeat(32) + "]".repeat(32)));
  assert.throws(() => parse("[".repeat(33) + "]".repeat(33)), { constructor: MalformedMessage });
});

test("a text of a megabyte is read at once", () => {
  const text = "é".repeat(1 << 20);
  assert.equal(parse(JSON.stringify(text)), text);
});

test("writes integers of both kinds, and leaves out what is undefined", () => {
  const value = {
    a: [1, 2n ** 63n - 1n, -1],
    b: undefined,
    c: { "爱\n": "\u0000" },
    d: null,
    e: true,
  };
  assert.equal(
    stringify(value),
    '{"a":[1,9223372036854775807,-1],"c":{"爱\\n":"\\u0000"},"d":null,"e":true}',
  );
  for (const other of [1.5, 2 ** 53, NaN, undefined, () => 1]) {
    assert.throws(() => stringify(other), TypeError);
  }
});
