// A port of a machine without a screen, brought here by `ssh -L`: a real ssh server on
// loopback, for one key that is made for it, and a real client.

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { end, printed, run, start } from "./programs.js";

const server = "/usr/sbin/sshd";

/** Why there can be no tunnel here, if so. */
export const noTunnel = existsSync(server) ? false : "there is no ssh server here: .ci/need ssh installs one";

/** A port of 127.0.0.1 that nothing listens on now. */
export async function freePort() {
  const socket = createServer();
  await new Promise((listening) => socket.listen(0, "127.0.0.1", listening));
  const { port } = socket.address();
  await new Promise((closed) => socket.close(closed));
  return port;
}

/**
 * Runs `ssh -L here:127.0.0.1:there` until body, which gets the port here, is done.
 *
 * @param {number} there
 * @param {(here: number) => Promise<void>} body
 */
export async function throughSSH(there, body) {
  const folder = await mkdtemp(join(tmpdir(), "stoa-ssh-"));
  const children = [];
  try {
    const [host, key, known] = ["host", "key", "known"].map((name) => join(folder, name));
    for (const path of [host, key]) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path]);
    const port = await freePort();
    const settings = [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${host}`,
      `AuthorizedKeysFile ${key}.pub`,
      "PasswordAuthentication no",
      "PermitRootLogin prohibit-password",
      "StrictModes no",
      "UsePAM no",
      "PidFile none",
    ];
    await writeFile(join(folder, "settings"), settings.join("\n"));
    if (process.getuid() === 0) await mkdir("/run/sshd", { recursive: true }); // as its service would
    const listening = start(server, ["-D", "-e", "-f", join(folder, "settings")]);
    children.push(listening);
    await printed(listening.stderr, /Server listening/);

    const here = await freePort();
    const options = [`UserKnownHostsFile=${known}`, "StrictHostKeyChecking=accept-new", "IdentitiesOnly=yes", "ExitOnForwardFailure=yes"];
    const client = start("ssh", [
      "-v", "-N", "-F", "none", "-i", key, "-p", `${port}`,
      ...options.flatMap((option) => ["-o", option]),
      "-L", `${here}:127.0.0.1:${there}`,
      `${userInfo().username}@127.0.0.1`,
    ]);
    children.push(client);
    await printed(client.stderr, /Entering interactive session/);
    await body(here);
  } finally {
    children.forEach((child) => end(child, "SIGKILL"));
    await rm(folder, { recursive: true, force: true });
  }
}
