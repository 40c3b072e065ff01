// Programs that tests start, each in a process group of its own, and that end with this
// process whatever happens.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository. */
export const root = fileURLToPath(new URL("../../../../../", import.meta.url));

/** Bounds every wait for something that must happen, in ms. No measure of anything: the machine may be slow. */
export const patience = Number(process.env.PATIENCE ?? 40_000);

const living = new Set();
process.once("exit", () => living.forEach((child) => end(child, "SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

/** Starts a program. Its output comes as text. */
export function start(path, args, options) {
  const child = spawn(path, args, { detached: true, ...options });
  living.add(child);
  child.once("close", () => living.delete(child));
  child.stdout.setEncoding("utf8");
  child.stderr?.setEncoding("utf8");
  return child;
}

/** Sends a signal to a program and to what it started. */
export function end(child, signal = "SIGTERM") {
  if (living.has(child) && child.pid) process.kill(-child.pid, signal);
}

/** Runs a program to its end, not much longer than patience lasts, and returns what it printed. A failure throws. */
export async function run(path, args, options) {
  const child = start(path, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  const alarm = setTimeout(() => end(child, "SIGKILL"), patience + 10_000);
  let out = "", errors = "";
  child.stdout.on("data", (text) => (out += text));
  child.stderr.on("data", (text) => (errors += text));
  const [code, signal] = await once(child, "close");
  clearTimeout(alarm);
  if (code !== 0) throw new Error(`${path} ${args.join(" ")}: ${signal ?? `exit ${code}`}\n${errors}${out}`);
  return out;
}

/** Waits until what a program prints on one of its outputs fits, and returns what does. */
export function printed(output, pattern) {
  return new Promise((found, fail) => {
    let text = "";
    const tooLate = () => fail(new Error(`${pattern} was not printed, but:\n${text}`));
    const alarm = setTimeout(tooLate, patience);
    output.once("close", () => {
      clearTimeout(alarm);
      tooLate(); // of no effect when it was found
    });
    output.on("data", (more) => {
      text += more;
      const match = pattern.exec(text);
      if (!match) return;
      clearTimeout(alarm);
      found(match);
    });
  });
}

/** The path of a program in bin, where make builds it. */
export const built = (name) => join(root, "bin", name);
