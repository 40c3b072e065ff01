// A running stoa: started with a home of its own, read by the events that it prints with
// --json, steered by its verbs as another terminal would, ended by a test.

import { once } from "node:events";
import { createInterface } from "node:readline";
import { built, end, patience, run, start } from "./programs.js";

/** The program under test. */
export const program = process.env.STOA ?? built("stoa");

/** One running stoa. `new Node(...)` starts it. */
export class Node {
  events = []; // everything printed so far
  #more = []; // who waits for another event
  #errors = "";

  /**
   * @param {string} name what messages of the test call it
   * @param {string} home its folder
   * @param {string[]} args beside --home and --json
   * @param {{enter: string[]}} machine that it runs on, see machines.js; this one without it
   */
  constructor(name, home, args, machine) {
    this.name = name;
    this.home = home;
    this.machine = machine;
    const [path, ...words] = this.#line(...args, "--json");
    this.child = start(path, words, { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stderr.on("data", (text) => (this.#errors += text));
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.events.push(JSON.parse(line));
      this.#wake();
    });
    /** Settles with the exit code, or with the signal's name. */
    this.ended = once(this.child, "close").then(([code, signal]) => {
      this.over = true;
      this.#wake();
      return code ?? signal;
    });
  }

  /** The words of a command line that runs stoa where it is. */
  #line(...args) {
    return [...(this.machine?.enter ?? []), program, ...args, "--home", this.home];
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
    const [path, ...words] = this.#line(...args);
    return run(path, words);
  }

  /** Steers the node and returns its answer. */
  async ask(...args) {
    return JSON.parse(await this.verb(...args, "--json"));
  }

  /** Another address of its page, which lets one browser in. */
  async address() {
    return (await this.ask("page")).url;
  }

  /** Ends it as a crash would. */
  async kill() {
    end(this.child, "SIGKILL");
    return this.ended;
  }

  /** Ends it as Ctrl-C would, and returns its exit code. */
  async quit() {
    end(this.child);
    const alarm = setTimeout(() => end(this.child, "SIGKILL"), patience);
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
