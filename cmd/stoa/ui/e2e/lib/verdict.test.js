// The verdict over events such as node's runner sends.

import assert from "node:assert/strict";
import { test } from "node:test";
import verdict from "./verdict.js";

const details = { duration_ms: 1, type: "test" };
const passes = { type: "test:pass", data: { name: "a", file: "f.js", details } };
const suite = { type: "test:pass", data: { name: "s", file: "f.js", details: { ...details, type: "suite" } } };
const noTests = { type: "test:pass", data: { name: "f.js", file: "f.js", details } };
const skips = { type: "test:pass", data: { name: "c", file: "f.js", skip: "no network here", details } };
const fails = { type: "test:fail", data: { name: "b", file: "f.js", details: { ...details, error: new Error("boo") } } };

const cases = [
  { name: "nothing", events: [], fine: false, strict: false, says: "no test ran" },
  { name: "an empty file", events: [noTests], fine: false, strict: false, says: "no test ran" },
  { name: "an empty suite", events: [suite], fine: false, strict: false, says: "no test ran" },
  { name: "all pass", events: [passes, passes], fine: true, strict: true, says: "2 passed, 0 failed, 0 skipped" },
  { name: "one fails", events: [passes, fails], fine: false, strict: false, says: "boo" },
  { name: "one is skipped", events: [passes, skips], fine: true, strict: false, says: "skipped: c: no network here" },
  { name: "all are skipped", events: [skips], fine: false, strict: false, says: "no test ran" },
];

test("the verdict", async () => {
  const before = { STRICT: process.env.STRICT, exitCode: process.exitCode };
  try {
    for (const { name, events, says, ...fine } of cases) {
      for (const strict of ["", "1"]) {
        process.env.STRICT = strict;
        process.exitCode = 0;
        let said = "";
        for await (const part of verdict(events)) said += part;
        assert.equal(process.exitCode === 0, strict ? fine.strict : fine.fine, `${name}, STRICT=${strict}`);
        assert.ok(said.includes(says), `${name} said ${said}`);
      }
    }
  } finally {
    process.exitCode = before.exitCode;
    process.env.STRICT = before.STRICT ?? "";
  }
});
