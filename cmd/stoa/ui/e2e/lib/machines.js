// Machines with a network of their own, where a cable can be pulled and nobody else is
// harmed: network namespaces of Linux, wired to a switch.
//
//	machine 1, 10.77.0.1 on eth0 ── port1 ┐
//	machine 2, 10.77.0.2 on eth0 ── port2 ┴ switch
//
// Each namespace is held by a cat that reads from this process, so that all of it is gone
// when this process is, whatever ended it.

import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { printed, run, start } from "./programs.js";

/** Why there can be no machines here, if so. */
export const noMachines = lacks();

function lacks() {
  if (process.platform !== "linux" || process.getuid() !== 0) return "networks can be made on Linux alone, and by root";
  return ["/usr/sbin/ip", "/sbin/ip"].some(existsSync) ? false : "there is no ip here: .ci/need lab installs it";
}

/** A network namespace. */
class Namespace {
  #holder = start("unshare", ["--net", "cat"], { stdio: ["pipe", "pipe", "inherit"] });

  /** Where nsenter finds it. */
  path = `/proc/${this.#holder.pid}/ns/net`;

  /** Waits until there is one, with a loopback that works. */
  async ready() {
    const made = printed(this.#holder.stdout, /made/);
    this.#holder.stdin.write("made\n");
    await made;
    await this.ip("link", "set", "lo", "up");
  }

  /** What a command line begins with that runs a program in it. */
  enter = ["nsenter", `--net=${this.path}`];

  /** Makes a file in a folder that runs a program in it, for who takes no arguments. */
  async runner(folder, program) {
    const file = join(folder, "runner");
    await writeFile(file, `#!/bin/sh\nexec ${this.enter.join(" ")} ${program} "$@"\n`, { mode: 0o700 });
    return file;
  }

  ip(...words) {
    const [program, ...args] = [...this.enter, "ip", ...words];
    return run(program, args);
  }

  /** Lets go of it: it is gone when nothing runs in it any more. */
  release() {
    this.#holder.stdin.end();
  }
}

/**
 * Runs body with machines on a switch.
 *
 * @param {number} count
 * @param {(machines: Machine[]) => Promise<void>} body
 */
export async function onMachines(count, body) {
  const wires = new Namespace();
  const machines = Array.from({ length: count }, (_, i) => new Machine(wires, i + 1));
  try {
    await wires.ready();
    await wires.ip("link", "add", "switch", "type", "bridge");
    await wires.ip("link", "set", "switch", "up");
    for (const machine of machines) await machine.connect();
    await body(machines);
  } finally {
    [wires, ...machines].forEach((one) => one.release());
  }
}

/** A machine on a switch. */
export class Machine extends Namespace {
  #wires;
  #port;

  constructor(wires, number) {
    super();
    this.#wires = wires;
    this.#port = `port${number}`;
    this.address = `10.77.0.${number}`;
  }

  async connect() {
    await this.ready();
    await this.ip("link", "add", "eth0", "type", "veth", "peer", "name", this.#port, "netns", this.#wires.path);
    await this.ip("address", "add", `${this.address}/24`, "dev", "eth0");
    await this.ip("link", "set", "eth0", "up");
    await this.#wires.ip("link", "set", this.#port, "master", "switch", "up");
  }

  /** Switches its network adapter on or off. */
  adapter(on) {
    return this.ip("link", "set", "eth0", on ? "up" : "down");
  }
}
