// Answers, before a play, the commands of which the play knows nothing, and hands everything
// else on to it and back: the page cannot tell them apart.

import { createServer, request } from "node:http";
import { pipeline } from "node:stream";
import { json } from "node:stream/consumers";

export class Prompter {
  /**
   * @param {import("./play.js").Play} play
   * @param {Record<string, object>} known what verbs answer
   */
  static async before(play, known) {
    const prompter = new Prompter();
    prompter.play = play;
    prompter.known = known;
    prompter.server = createServer((asked, answer) => prompter.#hear(asked, answer).catch(() => answer.destroy()));
    await new Promise((listening) => prompter.server.listen(0, "127.0.0.1", listening));
    return prompter;
  }

  get name() {
    return this.play.name;
  }

  /** An address of the play, which leads here. */
  async address(fragment) {
    const address = new URL(await this.play.address(fragment));
    this.port = address.port;
    address.port = this.server.address().port;
    return address.href;
  }

  async #hear(asked, answer) {
    if (asked.url !== "/do") return this.#handOn(asked, answer);
    const command = await json(asked);
    if (command.verb in this.known) answer.end(JSON.stringify({ lines: [], data: this.known[command.verb] }));
    else this.#handOn(asked, answer, JSON.stringify(command));
  }

  /** Without body, what is asked has its own. Whatever breaks on one side breaks on the other. */
  #handOn(asked, answer, body) {
    const headers = { ...asked.headers, ...(body && { "content-length": Buffer.byteLength(body) }) };
    const there = request({ host: "127.0.0.1", port: this.port, method: asked.method, path: asked.url, headers }, (came) => {
      answer.writeHead(came.statusCode, came.headers);
      pipeline(came, answer, () => {});
    });
    there.on("error", () => answer.destroy());
    answer.on("close", () => there.destroy());
    if (body) there.end(body);
    else asked.pipe(there);
  }

  kill() {
    return this.play.kill();
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }
}
