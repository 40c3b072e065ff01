// A running stoa: started with a home of its own, read by the events that it prints with
// --json, steered by its verbs as another terminal would, ended by a test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

/** The repository. */
export const root = fileURLToPath(new URL("../../../../../", import.meta.url));

/** Bounds every wait for something that must happen, in ms. No measure of anything: the machine may be slow. */
export const patience = 40_000;

/** The program under test, which `make e2e` builds. */
export const program = process.env.STOA ?? join(root, "bin/stoa");

/** Who is to be ended whatever happens: a test that throws, Ctrl-C, an error of this runner. */
const living = new Set();
const killAll = () => living.forEach((child) => child.kill("SIGKILL"));
process.once("exit", killAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => process.exit(1));
}

/** Runs a program to its end, at most as long as patience lasts, and returns what it printed. A failure throws. */
export async function run(path, args, { input = "", env = process.env } = {}) {
  const child = spawn(path, args, { env });
  living.add(child);
  const alarm = setTimeout(() => child.kill("SIGKILL"), patience + 10_000);
  let out = "", errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
  child.stdin.on("error", () => {}); // it may end without having read
  child.stdin.end(input);
  const [code, signal] = await once(child, "close");
  clearTimeout(alarm);
  living.delete(child);
  if (code !== 0) throw new Error(`${path} ${args.join(" ")}: ${signal ?? `exit ${code}`}\n${errors}${out}`);
  return out;
}

/** One running stoa. `new Node(...)` starts it. */
export class Node {
  events = []; // everything printed so far
  #more = []; // who waits for another event
  #errors = "";

  /**
   * @param {string} name what messages of the test call it
   * @param {string} home its folder
   * @param {string[]} args beside --home and --json
   */
  constructor(name, home, args, env = process.env) {
    this.name = name;
    this.home = home;
    this.child = spawn(program, [...args, "--home", home, "--json"], { stdio: ["ignore", "pipe", "pipe"], env });
    living.add(this.child);
    this.child.stderr.setEncoding("utf8").on("data", (text) => (this.#errors += text));
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.events.push(JSON.parse(line));
      this.#wake();
    });
    /** Settles with the exit code, or with the signal's name. */
    this.ended = once(this.child, "close").then(([code, signal]) => {
      living.delete(this.child);
      this.over = true;
      this.#wake();
      return code ?? signal;
    });
  }

  #wake() {
    this.#more.splice(0).forEach((wake) => wake());
  }

  /** Waits for the first event that fits, of those printed from the given one on. */
  async wait(what, fits, from = 0) {
    const alarm = AbortSignal.timeout(patience);
    for (let i = from; ; i++) {
      while (i >= this.events.length) {
        if (this.over) throw new Error(`${this.name} ended before ${what}\n${this.transcript()}`);
        if (alarm.aborted) throw new Error(`${this.name}: ${what} did not come\n${this.transcript()}`);
        await new Promise((wake) => {
          this.#more.push(wake);
          alarm.addEventListener("abort", wake, { once: true });
        });
      }
      if (fits(this.events[i])) return this.events[i];
    }
  }

  /** Waits for an event of a kind. */
  event(kind, from = 0) {
    return this.wait(`the event ${kind}`, (event) => event.event === kind, from);
  }

  /** Steers the node, as another terminal would, and returns what was printed. */
  verb(...args) {
    return run(program, [...args, "--home", this.home]);
  }

  /** Steers the node and returns its answer. */
  async ask(...args) {
    return JSON.parse(await this.verb(...args, "--json"));
  }

  /** Ends it as a crash would. */
  async kill() {
    this.child.kill("SIGKILL");
    return this.ended;
  }

  /** Ends it as Ctrl-C would, and returns its exit code. */
  async quit() {
    this.child.kill("SIGTERM");
    const alarm = setTimeout(() => this.child.kill("SIGKILL"), patience);
    const code = await this.ended;
    clearTimeout(alarm);
    return code;
  }

  /** What it printed, for the message of a test that failed. */
  transcript() {
    const lines = this.events.filter((event) => event.event !== "stats").map((event) => JSON.stringify(event));
    return [`${this.name} printed:`, ...lines.slice(-60), this.#errors].join("\n");
  }
}
