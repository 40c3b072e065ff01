// A private network of real nodes on loopback, each with its page in a browser context of
// its own. Everything that a world starts ends with it.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { launch } from "./browser.js";
import { onMachines } from "./machines.js";
import { Node } from "./node.js";
import { Page } from "./page.js";
import { patience, root } from "./programs.js";

const loopback = "/ip4/127.0.0.1/udp/0/quic-v1,/ip4/127.0.0.1/tcp/0";
const noSound = { "--in": "silence", "--out": "null" };

/** Arguments of stoa, with those flags that are not among them. */
const complete = (args, flags) => [...args, ...Object.entries(flags).filter(([flag]) => !args.includes(flag)).flat()];

/**
 * A test in a world of its own.
 *
 * @param {string} name
 * @param {(world: World, t: import("node:test").TestContext) => Promise<void>} body
 * @param {{skip?: string | false, machines?: number, chromium?: boolean}} options
 *   machines: it needs so many, of which the first has the bootstrap and the last the browser;
 *   chromium: other browsers cannot do it, as they cannot be put on a machine; skip is of node's test
 */
export function story(name, body, { machines = 0, chromium = machines > 0, ...options } = {}) {
  if (chromium && process.env.DRIVE) return;
  test(name, { timeout: 10 * patience, ...options }, (t) =>
    machines ? onMachines(machines, (all) => tell(name, body, all, t)) : tell(name, body, [], t));
}

async function tell(name, body, machines, t) {
  const world = new World();
  try {
    await world.begin(machines);
    await body(world, t);
    world.judge();
  } catch (error) {
    error.stack += `\n\n${await world.explain(name)}`;
    throw error;
  } finally {
    await world.end();
  }
}

/** Whoever makes a World themselves ends it. */
export class World {
  #nodes = [];
  #pages = [];

  /** Starts the browser, and a first node that is in no room and serves as bootstrap. */
  async begin(machines = []) {
    this.dir = await mkdtemp(join(tmpdir(), "stoa-e2e-"));
    this.machines = machines;
    const first = this.#start("bootstrap", complete(["--bootstrap", "none", "--page", "none"], noSound), machines[0]);
    const program = machines.at(-1) && ((browser) => machines.at(-1).runner(this.dir, browser));
    const [browser, ready] = await Promise.all([launch({ program }), first.event("ready")]);
    this.browser = browser;
    this.bootstrap = ready.addrs.join(",");
  }

  #start(name, args, machine) {
    const node = new Node(name, this.home(name), complete(args, { "--listen": machine?.listen ?? loopback }), machine);
    this.#nodes.push(node);
    return node;
  }

  /** The folder of somebody's home. */
  home(name) {
    return join(this.dir, name);
  }

  /** Starts somebody's stoa. They have neither microphone nor loudspeaker, unless args say otherwise. */
  node(name, ...args) {
    return this.nodeOn(undefined, name, ...args);
  }

  /** The same on one of the machines. */
  nodeOn(machine, name, ...args) {
    return this.#start(name, complete([...args, "--bootstrap", this.bootstrap], noSound), machine);
  }

  /** Starts a relay, which takes the links of the rooms that it carries. */
  relay(name, ...links) {
    return this.#start(name, ["relay", "--name", name, "--bootstrap", this.bootstrap, ...links]);
  }

  /** Where somebody's loudspeaker may be recorded, with --out. */
  recording(name) {
    return join(this.dir, `${name}.wav`);
  }

  /** Opens the page of a node; options are those of Page.open. */
  async page(node, options) {
    const page = await Page.open(this.browser, node, options);
    this.#pages.push(page);
    return page;
  }

  /** Fails when a page complained of something. */
  judge() {
    const failures = this.#pages.flatMap((page) => page.failures);
    if (failures.length) throw new Error(`the page complained:\n${failures.join("\n")}`);
  }

  /** What is known, for the message of a test that failed; pictures go to bin/e2e. */
  async explain(test) {
    const folder = join(root, "bin/e2e");
    await mkdir(folder, { recursive: true });
    const pages = this.#pages.map(async (page) => {
      const path = join(folder, `${test} ${page.node.name}.png`.replaceAll(/[^\w.]+/g, "-"));
      await page.tab.screenshot({ path, timeout: 5_000 }).catch(() => {});
      return [`the page of ${page.node.name}, ${path}:`, ...page.failures, await page.describe()].join("\n");
    });
    return [...this.#nodes.map((node) => node.transcript()), ...(await Promise.all(pages))].join("\n\n");
  }

  async end() {
    await this.browser?.close();
    await Promise.all(this.#nodes.map((node) => node.kill()));
    if (this.dir) await rm(this.dir, { recursive: true, force: true });
  }
}
