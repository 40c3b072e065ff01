// The page never lies: whatever a person loses, it says so in a sentence and offers a way
// on, and takes it back by itself when that is over. How long each took is printed.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { Client } from "./lib/client.js";
import { noMachines, SmallDisk } from "./lib/machines.js";
import { built, end, run } from "./lib/programs.js";
import { story } from "./lib/world.js";

// No sound system can be reached from here, as on a machine that has none.
Object.assign(process.env, { PULSE_SERVER: "unix:/nonexistent", PIPEWIRE_REMOTE: "/nonexistent", ALSA_CONFIG_PATH: "/dev/null", XDG_RUNTIME_DIR: "/nonexistent" });

const title = "Evening talk";

/** Somebody with a node, a name, a way to command it, and a page. */
async function person(world, name, ...args) {
  const node = world.node(name, "--name", name, ...args);
  await node.event("ready");
  const client = await Client.enter(await node.address());
  const page = await world.page(node);
  return { name, node, client, page };
}

/** Ann opens a room, and Ben comes into it; both see it on their pages. */
async function roomOfTwo(world) {
  const [ann, ben] = await Promise.all([person(world, "Ann"), person(world, "Ben")]);
  const { room, link } = (await ann.client.do({ verb: "open", open: { title } })).data;
  await ben.client.do({ verb: "join", args: [link] });
  for (const { page } of [ann, ben]) {
    await page.go(`#/room/${room}`);
    await page.tab.getByRole("heading", { name: title }).waitFor();
  }
  await seesOther(ben, ann);
  return { ann, ben, room, link };
}

const seesOther = ({ page }, { name }) => page.tab.getByRole("button", { name: new RegExp(`^${name}\\b`) }).waitFor();

/** Prints how long it took from an instant until something came to be seen on the page, or to be hidden. */
async function timed(t, what, happens, thing, state = "visible") {
  assert.equal(await thing.isVisible(), state === "hidden", `${what}: ${thing} is ${state} before`);
  const began = performance.now();
  await happens();
  await thing.waitFor({ state });
  t.diagnostic(`${what}: said after ${Math.round(performance.now() - began)} ms`);
}

story("a node that is killed, hangs, and comes back", async (world, t) => {
  const { ann, ben } = await roomOfTwo(world);
  const { page } = ben;
  await timed(t, "node hangs", () => end(ben.node.child, "SIGSTOP"), page.sentence("lost"));
  await timed(t, "node goes on", () => end(ben.node.child, "SIGCONT"), page.sentence("lost"), "hidden");
  await timed(t, "node killed", () => ben.node.kill(), page.sentence("lost"));
  await page.says("lost.hint");

  world.node("Ben"); // the same home
  await page.sentence("lost").waitFor({ state: "hidden" });
  await page.tab.getByRole("heading", { name: title }).waitFor();
  await seesOther(ben, ann);
  await page.button("hand.label").click(); // it is no picture: what is pressed is done
  await page.says("hand.place", { count: 1 });
});

story("a machine that is cut off", async (world, t) => {
  const [far, near] = world.machines;
  const ann = world.nodeOn(far, "Ann", "open", title, "--name", "Ann");
  const { room, link } = await ann.event("link");
  const node = world.nodeOn(near, "Ben", "join", link, "--name", "Ben");
  await node.event("joined");
  const ben = { name: "Ben", node, page: await world.page(node) };
  await ben.page.go(`#/room/${room}`);
  await seesOther(ben, { name: "Ann" });

  const { page } = ben;
  await timed(t, "the far machine's adapter off", () => far.adapter(false), page.sentence("state.stale"));
  await page.says("state.stale.hint");
  await timed(t, "on again", () => far.adapter(true), page.sentence("state.stale"), "hidden");
  await timed(t, "this machine's adapter off", () => near.adapter(false), page.sentence("state.offline"));
  await page.says("state.offline.hint");
  await timed(t, "on again", () => near.adapter(true), page.sentence("state.offline"), "hidden");
  await seesOther(ben, { name: "Ann" });
}, { skip: noMachines, machines: 2 });

story("who is put out", async (world, t) => {
  const { ann, ben, room } = await roomOfTwo(world);
  const kick = () => ann.client.do({ verb: "kick", room, args: ["Ben"], reason: "shouting" });
  await timed(t, "put out", kick, ben.page.sentence("error.put_out"));
  await ben.page.says("error.put_out.hint");
  await ben.page.button("room.back").click();
  await ben.page.heading("hall.title").waitFor();
});

story("a room that ends", async (world, t) => {
  const { ann, ben, room } = await roomOfTwo(world);
  await timed(t, "ended", () => ann.client.do({ verb: "end", room }), ben.page.sentence("error.room_ended"));
  await ben.page.button("room.back").click();
  await ben.page.heading("hall.title").waitFor();
});

story("links that do not lead", async (world, t) => {
  const { ann, room } = await roomOfTwo(world);
  const dan = await person(world, "Dan");
  const invite = async (terms) => (await ann.client.do({ verb: "invite", room, invite: terms })).data.link;
  const look = async (what, link, key) => {
    await dan.page.go("#/");
    await dan.page.field("hall.paste").fill(link);
    await timed(t, `${what} link`, () => dan.page.button("hall.look").click(), dan.page.sentence(key));
    await dan.page.says(`${key}.hint`);
  };
  const whole = await invite({});
  await look("cut off", whole.slice(0, -9), "error.link_cut_off");
  const letter = whole.at(-21) === "A" ? "B" : "A";
  await look("damaged", whole.slice(0, -21) + letter + whole.slice(-20), "error.link_damaged");
  const revoked = await invite({});
  await ann.client.do({ verb: "revoke", room, args: [revoked] });
  await look("revoked", revoked, "error.link_revoked");

  // The stoa of who opened the room would not sign such a link; their key does.
  await look("expired", (await run(built("expired"), [ann.node.home, whole])).trim(), "error.link_expired");
});

story("a microphone that is not there", async (world, t) => {
  const ann = await person(world, "Ann", "--in", "mic");
  const { room } = (await ann.client.do({ verb: "open", open: { title } })).data;
  await timed(t, "no microphone", () => ann.page.go(`#/room/${room}`), ann.page.sentence("error.mic_none"));
  await ann.page.link("talk.settings").click();
  await ann.page.heading("settings.title").waitFor();
});

story("a disk that is full", async (world, t) => {
  const home = world.home("Ann");
  await mkdir(home);
  const disk = new SmallDisk(home);
  try {
    await disk.ready();
    const node = world.nodeOn(disk, "Ann", "--name", "Ann");
    await node.event("ready");
    const client = await Client.enter(await node.address());
    const page = await world.page(node);
    const { room } = (await client.do({ verb: "open", open: { title } })).data;
    await page.go(`#/room/${room}`);
    await page.tab.getByRole("heading", { name: title }).waitFor(); // who it is has been kept, so that it may return
    await disk.fill();
    const text = "x".repeat(900); // what is kept already has room for some
    await assert.rejects(async () => {
      for (let i = 0; i < 20; i++) await client.do({ verb: "say", room, args: [`${i} ${text}`] });
    }, /disk_full/);

    const field = page.field("chat.write"), send = page.button("chat.send");
    await field.fill(text);
    await timed(t, "disk full", () => send.click(), page.sentence("error.disk_full"));
    await page.says("error.disk_full.hint");
    assert.equal(await field.inputValue(), text, "what was not written is lost");
    await disk.clear();
    await send.click();
    await page.text(text).waitFor();
    await node.kill();
    await page.says("lost");
    world.nodeOn(disk, "Ann");
    await page.sentence("lost").waitFor({ state: "hidden" });
    await page.text(text).waitFor(); // what was said to be written is there
  } finally {
    disk.release();
  }
}, { skip: noMachines });

/** Where a node listens that nobody can dial, as behind a NAT: two of them need a relay. */
const nowhere = "/p2p-circuit";

story("relays that die", async (world, t) => {
  const [ann, ben] = await Promise.all(["Ann", "Ben"].map((name) => person(world, name, "--listen", nowhere)));
  const { room, link } = (await ann.client.do({ verb: "open", open: { title } })).data;
  const forRelays = (await ann.client.do({ verb: "invite", room, invite: { role: "relay", slots: 10 } })).data.link;
  const relay = async (name) => {
    const node = world.relay(name, forRelays);
    await node.wait("that it carries the room", ({ event, on }) => event === "lend" && on);
    return { name, node };
  };
  const relays = [await relay("Rita"), await relay("Ray")];
  await ben.client.do({ verb: "join", args: [link] });
  const { page } = ben;
  await page.go(`#/room/${room}`);
  const carries = ({ name }) => page.sentence("relay.by", { name });
  const both = page.tab.getByText(new RegExp(page.word("relay.by-two", { name: "\\w+", other: "\\w+" })));
  await both.waitFor();
  if (!(await both.innerText()).startsWith(relays[0].name)) relays.reverse();

  // A relay on a new path may only be slow, and is not left at once; that nothing comes is said before.
  const left = page.sentence("error.relay_left"), seeking = page.sentence("state.seeking");
  const kill = () => relays[0].node.kill();
  await Promise.all([
    timed(t, "one of two relays killed", kill, left.or(seeking).first()),
    timed(t, "the other one carries", kill, carries(relays[1])),
  ]);
  await left.waitFor();
  await page.says("error.relay_left.hint");
  await timed(t, "the last relay killed", () => relays[1].node.kill(), seeking);
  await page.says("state.seeking.hint");
});
