// A private network of real nodes on loopback, each with its page in a browser context of
// its own. Everything that a world starts ends with it.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { launch } from "./browser.js";
import { Node } from "./node.js";
import { Page } from "./page.js";
import { patience, root } from "./programs.js";

const loopback = "/ip4/127.0.0.1/udp/0/quic-v1,/ip4/127.0.0.1/tcp/0";

/**
 * A test in a world of its own.
 *
 * @param {string} name
 * @param {(world: World, t: import("node:test").TestContext) => Promise<void>} body
 * @param {{skip?: string | false}} options of node's test
 */
export function story(name, body, options) {
  test(name, { timeout: 10 * patience, ...options }, async (t) => {
    const world = new World();
    try {
      await world.begin();
      await body(world, t);
      world.judge();
    } catch (error) {
      error.stack += `\n\n${await world.explain(name)}`;
      throw error;
    } finally {
      await world.end();
    }
  });
}

/** Whoever makes a World themselves ends it. */
export class World {
  #nodes = [];
  #pages = [];

  /** Starts the browser, and a first node that is in no room and serves as bootstrap. */
  async begin() {
    this.dir = await mkdtemp(join(tmpdir(), "stoa-e2e-"));
    const first = this.#start("bootstrap", ["--bootstrap", "none", "--page", "none"]);
    const [browser, ready] = await Promise.all([launch(), first.event("ready")]);
    this.browser = browser;
    this.bootstrap = ready.addrs.join(",");
  }

  #start(name, args) {
    const devices = [];
    if (!args.includes("--in")) devices.push("--in", "silence");
    if (!args.includes("--out")) devices.push("--out", "null");
    const node = new Node(name, this.home(name), [...args, ...devices, "--listen", loopback]);
    this.#nodes.push(node);
    return node;
  }

  /** The folder of somebody's home. */
  home(name) {
    return join(this.dir, name);
  }

  /** Starts somebody's stoa. They have neither microphone nor loudspeaker, unless args say otherwise. */
  node(name, ...args) {
    return this.#start(name, [...args, "--bootstrap", this.bootstrap]);
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
