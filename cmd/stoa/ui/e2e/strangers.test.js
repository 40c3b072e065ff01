// Who was not let in, and tries: the pages of other sites in the browser of somebody who
// is in, a name that an attacker's DNS turned to this machine, an address that was used, and
// programs of other users. Nothing is read, and nothing is done.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { Client } from "./lib/client.js";
import { launch } from "./lib/browser.js";
import { Page } from "./lib/page.js";
import { run } from "./lib/programs.js";
import { story } from "./lib/world.js";

/** What an attacker would like to have done: everybody who looks sees another name. */
const rename = JSON.stringify({ verb: "id", args: ["name", "Mallory"] });

/** Somebody with a node, who sees that nothing was done to it. */
async function victim(world) {
  const node = world.node("Ann", "--name", "Ann");
  await node.event("ready");
  const client = await Client.enter(await node.address());
  const unharmed = async () => assert.equal((await client.state()).me.name, "Ann");
  return { node, client, unharmed, port: Number(new URL(client.origin).port) };
}

/** Serves an empty page, of an attacker, until the test is over. */
async function elsewhere(t) {
  const server = createServer((_, response) => response.setHeader("Content-Type", "text/html").end("<!doctype html><title>Win</title>"));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => server.close());
  return server.address().port;
}

/** Runs in a page of the attacker: everything that it can try, and what came of it. */
async function attack({ target, command }) {
  const came = {};
  const post = { method: "POST", body: command, credentials: "include" };
  const tries = {
    state: () => fetch(`${target}/events`, { credentials: "include" }),
    command: () => fetch(`${target}/do`, { ...post, headers: { "Content-Type": "application/json" } }),
    "command without asking first": () => fetch(`${target}/do`, { ...post, headers: { "Content-Type": "text/plain" } }),
    "command unread": () => fetch(`${target}/do`, { ...post, mode: "no-cors" }),
    return: () => fetch(`${target}/return`, { ...post, body: "{}" }),
  };
  for (const [what, attempt] of Object.entries(tries)) {
    came[what] = await attempt().then(
      async (answer) => `${answer.type} ${answer.status} ${await answer.text()}`,
      () => "refused",
    );
  }
  for (const [element, address] of [["script", "/events"], ["img", "/assets/"], ["iframe", "/"]]) {
    const tried = document.createElement(element);
    const over = new Promise((settled) => ((tried.onload = () => settled("loaded")), (tried.onerror = () => settled("refused"))));
    tried.src = target + address;
    document.body.append(tried);
    came[element] = await over;
    if (element === "iframe") {
      try {
        came.iframe = tried.contentDocument?.title ?? "nothing to see";
      } catch {
        came.iframe = "nothing to see";
      }
    }
  }
  const form = Object.assign(document.createElement("form"), { action: `${target}/do`, method: "post", enctype: "text/plain", target: "_blank" });
  form.append(Object.assign(document.createElement("input"), { name: command.slice(0, -1), value: "}" }));
  document.body.append(form);
  form.submit();
  return came;
}

/** What may come of each attempt: nothing. */
function assertNothing(came) {
  for (const [what, answer] of Object.entries(came)) {
    assert.match(answer, /^(refused|nothing to see|opaque 0 |basic 403 )$/, `another site's ${what} got: ${answer}`);
  }
}

story("another site in the same browser", async (world, t) => {
  const ann = await victim(world);
  const page = await world.page(ann.node);
  await page.heading("hall.title").waitFor(); // this browser is let in, and has the cookie
  const port = await elsewhere(t);
  for (const site of [`http://127.0.0.1:${port}`, `http://localhost:${port}`]) {
    const tab = await page.tab.context().newPage();
    await tab.goto(site);
    for (const target of [`http://127.0.0.1:${ann.port}`, `http://localhost:${ann.port}`]) {
      assertNothing(await tab.evaluate(attack, { target, command: rename }));
    }
  }
  await ann.unharmed();
});

story("a name that turns to this machine", async (world) => {
  const ann = await victim(world);
  const browser = await launch({ args: ["--host-resolver-rules=MAP attacker.example 127.0.0.1"] });
  try {
    const tab = await browser.newPage();
    const here = `http://attacker.example:${ann.port}`;
    // Their page was loaded while the name still led to their own server.
    await tab.route(`${here}/win`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>Win</title>" }));
    await tab.goto(`${here}/win`);
    assertNothing(await tab.evaluate(attack, { target: here, command: rename })); // now of its own origin
  } finally {
    await browser.close();
  }
  await ann.unharmed();
}, { chromium: true }); // which alone can be told where a name leads

story("an address that somebody used before", async (world) => {
  const ann = await victim(world);
  const address = await ann.node.address();
  const first = await world.page(ann.node, { address });
  await first.heading("hall.title").waitFor();
  const thief = await Page.open(world.browser, ann.node, { address }); // a browser without the cookie
  await thief.says("start.refused");
  await thief.says("start.refused.hint");
  assert.equal(await thief.tab.getByRole("heading", { name: thief.word("hall.title") }).count(), 0);
  await thief.tab.context().close();
  await ann.unharmed();
});

story("a browser that was signed out", async (world) => {
  const { node, client } = await victim(world);
  const [lost, mine] = [await world.page(node), await world.page(node)];
  for (const page of [lost, mine]) await page.heading("hall.title").waitFor();
  const unused = await node.address();
  await mine.go("#/settings");
  await mine.button("browsers.out").click();
  await mine.says("browsers.done");

  const isOut = async (page) => {
    await page.says("start.refused");
    assert.equal(await page.heading("hall.title").count(), 0, "it still shows what was so");
  };
  await isOut(lost);
  await lost.tab.reload(); // it has its cookie and its secret still
  await isOut(lost);
  await assert.rejects(client.do({ verb: "id" }), /401/, "a key and its cookie are worth something");
  await isOut(await world.page(node, { address: unused }));

  await mine.tab.reload();
  await mine.heading("settings.title").waitFor();
  await node.ask("page", "--forget");
  await isOut(mine);
  await mine.visit(await node.address());
  await mine.heading("hall.title").waitFor();
});

/** Sends a request just as it is given. */
const send = (port, { path = "/do", body = rename, ...options }) =>
  new Promise((answered, failed) => {
    const sent = request({ host: "127.0.0.1", port, path, method: "POST", ...options }, async (answer) => {
      const parts = await answer.toArray();
      answered(`${answer.statusCode} ${Buffer.concat(parts)}`);
    });
    sent.on("error", failed);
    sent.end(options.method === "GET" ? undefined : body);
  });

story("programs on this machine", async (world) => {
  const { node, client, port, unharmed } = await victim(world);
  const good = { ...client.headers, Host: `127.0.0.1:${port}`, "Content-Type": "application/json" };
  const without = (name) => Object.fromEntries(Object.entries(good).filter(([header]) => header !== name));
  for (const [what, request, said] of [
    ["without anything", { headers: { Host: good.Host, Origin: client.origin, "Content-Type": "application/json" } }, /^401 /],
    ["with the cookie alone", { headers: without("Stoa-Key") }, /^401 /],
    ["with the key alone", { headers: without("Cookie") }, /^401 /],
    ["without an origin", { headers: without("Origin") }, /^403 $/],
    ["of another origin", { headers: { ...good, Origin: "http://attacker.example" } }, /^403 $/],
    ["of another port's origin", { headers: { ...good, Origin: `http://127.0.0.1:${port + 1}` } }, /^403 $/],
    ["to another host", { headers: { ...good, Host: "attacker.example" } }, /^403 $/],
    ["to a host that begins alike", { headers: { ...good, Host: `127.0.0.1.attacker.example:${port}` } }, /^403 $/],
    ["of another site, says the browser", { headers: { ...good, "Sec-Fetch-Site": "cross-site" } }, /^403 $/],
    ["as text", { headers: { ...good, "Content-Type": "text/plain" } }, /^415 /],
    ["by GET", { method: "GET", headers: good }, /^40[45] /],
    ["for the state, without anything", { method: "GET", path: "/events", headers: { Host: good.Host } }, /^401 /],
    ["for a file outside", { method: "GET", path: "/assets/../../identity.key", headers: good }, /^404 /],
  ]) {
    const answer = await send(port, request);
    assert.match(answer, said, `a request ${what} was answered ${answer}`);
    assert.doesNotMatch(answer, /"(me|rooms|data)":/, `a request ${what} was told something`);
  }
  if (process.getuid() === 0) { // else nobody here can be somebody else
    const look = `fetch("${client.origin}/events").then((a) => console.log(a.status), () => console.log("unheard"))`;
    const heard = await run(process.execPath, ["-e", look], { uid: 65534, gid: 65534, cwd: "/" });
    assert.match(heard, /^(unheard|401)$/m, "another user's program was told something");
  }
  assert.equal((await node.ask("id")).name, "Ann");
  await unharmed();
});
