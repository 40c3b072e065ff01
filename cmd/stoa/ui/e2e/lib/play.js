// A page over a scripted room, for what real nodes reach only with many people: see
// cmd/stoa/ui/uitest.

import { createInterface } from "node:readline";
import { built, end, start } from "./programs.js";

export class Play {
  name = "play";
  #lines;

  /** @param {string[]} cast flags of uitest */
  constructor(...cast) {
    this.child = start(built("uitest"), cast, { stdio: ["pipe", "pipe", "ignore"] });
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    this.first = this.#next(); // it prints one by itself
  }

  async #next() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("uitest ended");
    return value;
  }

  /** Another address that lets one browser in, and leads to a fragment. */
  async address(fragment = "") {
    await this.first;
    this.child.stdin.write(`${fragment}\n`);
    return this.#next();
  }

  /** Lays a merge patch over what the page is shown from now on. */
  lay(patch) {
    this.child.stdin.write(`${JSON.stringify(patch)}\n`);
  }

  async kill() {
    end(this.child, "SIGKILL");
  }
}
