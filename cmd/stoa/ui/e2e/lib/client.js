// Talking to a node's page without a browser, as the package comment of cmd/stoa/ui has it.

/** Whoever was let in by an address: what its requests need. */
export class Client {
  /** @param {string} address with a token that nobody has used */
  static async enter(address) {
    const { origin, hash } = new URL(address);
    const token = new URLSearchParams(hash.slice(1)).get("enter");
    const answer = await fetch(`${origin}/enter`, {
      method: "POST",
      headers: { Origin: origin, "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (!answer.ok) throw new Error(`/enter: ${answer.status} ${await answer.text()}`);
    const client = new Client();
    client.origin = origin;
    client.cookie = answer.headers.get("set-cookie").split(";")[0];
    client.key = (await answer.json()).key;
    return client;
  }

  get headers() {
    return { Origin: this.origin, Cookie: this.cookie, "Stoa-Key": this.key };
  }

  /** Has the node do something, as a button of the page would, and returns its answer. */
  async do(request) {
    const answer = await fetch(`${this.origin}/do`, {
      method: "POST",
      headers: { ...this.headers, "Content-Type": "application/json" },
      body: JSON.stringify(request),
    });
    if (!answer.ok) throw new Error(`${request.verb}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** What the node tells a page first: everything. */
  async state() {
    const stop = new AbortController();
    const answer = await fetch(`${this.origin}/events`, { headers: this.headers, signal: stop.signal });
    let text = "";
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      const event = /^event: state\ndata: (.*)\n\n/m.exec(text);
      if (event) {
        stop.abort();
        return JSON.parse(event[1]);
      }
    }
    throw new Error(`/events: ${answer.status} ${text}`);
  }
}
