// Machines to which can happen what shall happen to no other: namespaces of Linux. Some
// have a network of their own, where an adapter can be switched off, wired to a switch,
//
//	machine 1, 10.77.0.1 on eth0 ── port1 ┐
//	machine 2, 10.77.0.2 on eth0 ── port2 ┴ switch
//
// and some a small disk of their own, which can be filled.
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
  if (process.platform !== "linux" || process.getuid() !== 0) return "machines can be made on Linux alone, and by root";
  return ["/usr/sbin/ip", "/sbin/ip"].some(existsSync) ? false : "there is no ip here: .ci/need lab installs it";
}

/** A namespace. */
class Namespace {
  #holder;

  /** @param {"net" | "mount"} kind what those inside have of their own */
  constructor(kind) {
    this.#holder = start("unshare", [`--${kind}`, "cat"], { stdio: ["pipe", "pipe", "inherit"] });
    this.path = `/proc/${this.#holder.pid}/ns/${kind === "mount" ? "mnt" : kind}`;
    /** What a command line begins with that runs a program in it. */
    this.enter = ["nsenter", `--${kind}=${this.path}`];
  }

  /** Waits until there is one. */
  async ready() {
    const made = printed(this.#holder.stdout, /made/);
    this.#holder.stdin.write("made\n");
    await made;
  }

  /** Makes a file in a folder that runs a program in it, for who takes no arguments. */
  async runner(folder, program) {
    const file = join(folder, "runner");
    await writeFile(file, `#!/bin/sh\nexec ${this.enter.join(" ")} ${program} "$@"\n`, { mode: 0o700 });
    return file;
  }

  /** Runs a program in it to its end. */
  run(...words) {
    const [program, ...args] = [...this.enter, ...words];
    return run(program, args);
  }

  /** Lets go of it: it is gone when nothing runs in it any more. */
  release() {
    this.#holder.stdin.end();
  }
}

/** A network. */
class Network extends Namespace {
  constructor() {
    super("net");
  }

  ip(...words) {
    return this.run("ip", ...words);
  }
}

/**
 * Runs body with machines on a switch.
 *
 * @param {number} count
 * @param {(machines: Machine[]) => Promise<void>} body
 */
export async function onMachines(count, body) {
  const wires = new Network();
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
export class Machine extends Network {
  /** Where its stoa listens. */
  listen = "/ip4/0.0.0.0/udp/0/quic-v1";

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
    await this.ip("link", "set", "lo", "up");
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

/** A machine whose folder, which must exist, is a disk of 1 MiB. It is on the network of this one. */
export class SmallDisk extends Namespace {
  constructor(folder) {
    super("mount");
    this.folder = folder;
    this.ballast = join(folder, "ballast");
  }

  async ready() {
    await super.ready();
    await this.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", this.folder);
  }

  /** Fills what is free. */
  fill() {
    return this.run("sh", "-c", `! cat /dev/zero >"${this.ballast}"`);
  }

  /** Makes room again. */
  clear() {
    return this.run("rm", this.ballast);
  }
}
