// The browser of these tests: Chromium, or what DRIVE in the environment names.

import { chromium } from "playwright-core";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Firefox, WebKit } from "./drivers.js";
import { DrivenBrowser } from "./tab.js";

/** Where a browser may be: .ci/need looks for the same ones. */
const names = ["chromium", "chromium-browser", "google-chrome"];
const applications = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

function findChromium() {
  const inPath = names.flatMap((name) => process.env.PATH.split(delimiter).map((folder) => join(folder, name)));
  const found = [process.env.CHROMIUM, ...inPath, ...applications].find((path) => path && existsSync(path));
  if (!found) throw new Error("there is no Chromium: run .ci/need page");
  return found;
}

// It talks to the node alone, and to nobody when it starts. What runs as root, as tests
// in a container do, cannot have its sandbox.
const quiet = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const others = { firefox: Firefox, webkit: WebKit };

/**
 * Starts a browser. Whoever starts it closes it; it also ends with this process.
 *
 * @param {{args?: string[], program?: (browser: string) => Promise<string>}} options of
 *   Chromium alone; program: makes of the browser's path that of what runs in its place
 */
export async function launch({ args = [], program = (browser) => browser } = {}) {
  const { DRIVE } = process.env;
  if (DRIVE) {
    if (!(DRIVE in others)) throw new Error(`DRIVE is ${DRIVE}, and not one of ${Object.keys(others)}`);
    return new DrivenBrowser(others[DRIVE]);
  }
  return chromium.launch({
    executablePath: await program(findChromium()),
    chromiumSandbox: process.getuid?.() !== 0,
    args: [...quiet, ...args],
  });
}
