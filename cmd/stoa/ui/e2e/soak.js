// soak.js DURATION: a page over a full room for so long, as "10m" or "90s": 500 listeners,
// 20 on the stage, 10 who speak, people who come and go, hands, chat, reactions. Prints what
// the page holds and how smoothly it moves, and fails when it holds more and more.

import { setTimeout as pause } from "node:timers/promises";
import { launch } from "./lib/browser.js";
import { Stage } from "./lib/scenes.js";

const [, number, unit] = /^(\d+)(s|m|h)$/.exec(process.argv[2] ?? "") ?? [];
if (!number) throw new Error("say for how long, as in 10m");
const duration = number * { s: 1000, m: 60_000, h: 3600_000 }[unit];

const looks = 30; // how often it is looked at; the first third is for warming up
const growth = 1.1; // the last third may hold so much of what the second did

const browser = await launch();
const stage = await Stage.set(browser, ["-people", "520", "-stage", "20", "-speaking", "10"], { width: 1440, height: 900, motion: true });
const { tab } = stage.page;
await stage.show({ at: ({ room }) => `#/room/${room}`, shown: (page) => page.button("room.leave").waitFor() });
const devtools = await tab.context().newCDPSession(tab);

/** What the page holds when everything that is not needed has been given back. */
async function held() {
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await devtools.send("Memory.getDOMCounters");
  return { heap: usedSize / 2 ** 20, nodes, listeners: jsEventListeners };
}

/** Frames a second, and the longest pause between two of them in ms, over two seconds. */
const smoothness = () =>
  tab.evaluate(async () => {
    const times = [];
    for (let now = performance.now(); times.length === 0 || now - times[0] < 2000; ) {
      now = await new Promise(requestAnimationFrame);
      times.push(now);
    }
    const pauses = times.slice(1).map((time, i) => time - times[i]);
    return { frames: (1000 * pauses.length) / (times.at(-1) - times[0]), longest: Math.max(...pauses) };
  });

const rows = [];
console.log("  minute  heap MB    nodes  listeners  frames/s  longest ms");
for (const began = performance.now(); rows.length < looks; ) {
  await pause(began + (duration * (rows.length + 1)) / looks - performance.now());
  const row = { ...(await smoothness()), ...(await held()) };
  rows.push(row);
  const minute = (performance.now() - began) / 60_000;
  const cells = [minute.toFixed(1), row.heap.toFixed(2), row.nodes, row.listeners, row.frames.toFixed(1), row.longest.toFixed(0)];
  console.log(cells.map((cell, i) => String(cell).padStart([8, 9, 9, 11, 10, 12][i])).join(""));
}

const complaints = [...stage.page.failures];
await stage.strike();
await browser.close();
for (const what of ["heap", "nodes", "listeners"]) {
  const [before, after] = [1, 2].map((third) => mean(rows.slice((third * looks) / 3, ((third + 1) * looks) / 3).map((row) => row[what])));
  console.log(`${what}: ${before.toFixed(1)} in the second third, ${after.toFixed(1)} in the last`);
  if (after > growth * before) complaints.push(`${what} grows`);
}
complaints.forEach((complaint) => console.error("soak:", complaint));
process.exitCode = complaints.length ? 1 : 0;

function mean(numbers) {
  return numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
}
