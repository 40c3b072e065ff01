// The page never lies: whatever a person loses, it says so in a sentence and offers a way
// on, and takes it back by itself when that is over. How long each took is printed.

import { Client } from "./lib/client.js";
import { Play } from "./lib/play.js";
import { Page } from "./lib/page.js";
import { end } from "./lib/programs.js";
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

/** Prints how long it took from an instant until the page said something. */
async function timed(t, what, happens, said) {
  const began = performance.now();
  await happens();
  await said;
  t.diagnostic(`${what}: said after ${Math.round(performance.now() - began)} ms`);
}

story("a node that is killed, hangs, and comes back", async (world, t) => {
  const { ann, ben } = await roomOfTwo(world);
  const { page } = ben;
  await timed(t, "node hangs", () => end(ben.node.child, "SIGSTOP"), page.says("lost"));
  await timed(t, "node goes on", () => end(ben.node.child, "SIGCONT"), page.text(page.word("lost")).waitFor({ state: "hidden" }));
  await timed(t, "node killed", () => ben.node.kill(), page.says("lost"));
  await page.says("lost.hint");

  world.node("Ben"); // the same home
  await page.text(page.word("lost")).waitFor({ state: "hidden" });
  await page.tab.getByRole("heading", { name: title }).waitFor();
  await seesOther(ben, ann);
  await page.button("hand.label").click(); // it is no picture: what is pressed is done
  await page.says("hand.place", { count: 1 });
});

story("a network from which nothing comes", async (world, t) => {
  const { ann, ben } = await roomOfTwo(world);
  await timed(t, "nothing comes", () => end(ann.node.child, "SIGSTOP"), ben.page.says("state.stale"));
  await ben.page.says("state.stale.hint");
  await timed(t, "something comes", () => end(ann.node.child, "SIGCONT"), ben.page.text(ben.page.word("state.stale")).waitFor({ state: "hidden" }));
});

story("who is put out", async (world, t) => {
  const { ann, ben, room } = await roomOfTwo(world);
  const kick = () => ann.client.do({ verb: "kick", room, args: ["Ben"], reason: "shouting" });
  await timed(t, "put out", kick, ben.page.says("error.put_out"));
  await ben.page.says("error.put_out.hint");
  await ben.page.button("room.back").click();
  await ben.page.heading("hall.title").waitFor();
});

story("a room that ends", async (world, t) => {
  const { ann, ben, room } = await roomOfTwo(world);
  await timed(t, "ended", () => ann.client.do({ verb: "end", room }), ben.page.says("error.room_ended"));
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
    await timed(t, `${what} link`, () => dan.page.button("hall.look").click(), dan.page.says(key));
    await dan.page.says(`${key}.hint`);
  };
  const whole = await invite({});
  await look("cut off", whole.slice(0, -9), "error.link_cut_off");
  const letter = whole.at(-21) === "A" ? "B" : "A";
  await look("damaged", whole.slice(0, -21) + letter + whole.slice(-20), "error.link_damaged");
  const revoked = await invite({});
  await ann.client.do({ verb: "revoke", room, args: [revoked] });
  await look("revoked", revoked, "error.link_revoked");

  // A link lives two minutes longer than it says, in case a clock is wrong; here nobody
  // waits for that. That a node says so is in app's tests.
  await dan.page.tab.route("**/do", (route) =>
    route.fulfill({ status: 422, json: { code: "link_expired", text: "the link has expired", hint: "ask whoever invited you for a new one" } }));
  await look("expired", whole, "error.link_expired");
});

story("a microphone that is not there", async (world, t) => {
  const ann = await person(world, "Ann", "--in", "mic");
  const { room } = (await ann.client.do({ verb: "open", open: { title } })).data;
  await timed(t, "no microphone", () => ann.page.go(`#/room/${room}`), ann.page.says("error.mic_none"));
  await ann.page.link("talk.settings").click();
  await ann.page.heading("settings.title").waitFor();
});

// A relay is left only where there are many people, or two who cannot connect: see
// TestRelayDies of cmd/stoa/process for that it is told. Here: that it is shown.
story("a relay that is lost", async (world, t) => {
  const play = new Play("-people", "30");
  try {
    const page = await Page.open(world.browser, play);
    await page.link("hall.back").first().click();
    await page.button("room.leave").waitFor();
    const notice = { code: "relay_left", text: "relay Rita sent nothing, so you hear by another", hint: "", at_ms: Date.now() };
    await timed(t, "relay lost", () => play.lay({ notices: { 7: notice } }), page.says("error.relay_left"));
    await page.tab.context().close();
  } finally {
    await play.kill();
  }
});
