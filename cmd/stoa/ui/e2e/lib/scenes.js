// Every screen of the page, over a play (cmd/stoa/ui/uitest): to take pictures of them, and
// to look what is wrong with them for people who use no mouse or do not see well.

import { Client } from "./client.js";
import { Page } from "./page.js";
import { Play } from "./play.js";
import { Prompter } from "./prompter.js";

const minute = 60_000, hour = 60 * minute, day = 24 * hour;
const ago = (ms) => Date.now() - ms;
const ahead = (ms) => Date.now() + ms;

/**
 * Whom and what the play has, by their keys.
 *
 * @typedef {{room: string, me: string, stage: string[], audience: string[], kept: string[]}} Cast
 */

/**
 * A screen.
 *
 * @typedef {object} Scene
 * @property {string} name of its picture
 * @property {string[]} [flags] of uitest
 * @property {(cast: Cast) => string} [at] the fragment that leads there; the hall when absent
 * @property {(cast: Cast) => object} [lay] merge patch over what the node tells, see furniture
 * @property {(page: Page, cast: Cast) => Promise<void>} shown presses what leads there, and waits until it is seen
 */

/** A merge patch that takes all of these away. */
const without = (names) => Object.fromEntries(names.map((name) => [name, null]));

const inRoom = (panel = "") => ({ room }) => `#/room/${room}${panel}`;
const screen = (key) => (page) => page.heading(key).waitFor();
const dialog = (page) => page.tab.getByRole("dialog").waitFor();
const pressed = (key) => async (page) => {
  await page.button(key).click();
  await dialog(page);
};
const panel = (name) => ({ name, at: inRoom(`/${name}`), shown: dialog });
/** A room of which one thing is otherwise; seen when something of the room is. */
const roomWith = (name, change, shown) => ({ name, at: inRoom(), lay: (cast) => ({ rooms: { [cast.room]: change(cast) } }), shown });
const says = (key) => (page) => page.says(key);

/** Somebody records, and asks. */
const recorded = ({ me, stage: [ben, citra, dewi] }) => ({
  recording: { id: "r1", by: ben, at_ms: ago(4 * minute), on: true, consent: { [ben]: "yes", [citra]: "no", [dewi]: "yes", [me]: "asked" } },
});

/** @type {Scene[]} */
const scenes = [
  { name: "welcome", flags: ["-new"], shown: screen("welcome.title") },
  { name: "hall-empty", flags: ["-new"], lay: ({ kept }) => ({ me: { new: null, name: "Ann" }, kept: without(kept) }), shown: screen("hall.title") },
  { name: "unlock", lay: () => ({ phase: "locked" }), shown: screen("unlock.title") },
  { name: "hall", shown: screen("hall.title") },
  { name: "open", shown: pressed("hall.open") },
  { name: "preview", at: () => "#/preview/stoa:j/uitest", shown: (page) => page.button("preview.join").or(page.link("hall.back")).waitFor() },
  { name: "room", at: inRoom(), shown: (page) => page.button("room.leave").waitFor() },
  {
    name: "person",
    at: inRoom(),
    async shown(page) {
      await page.tab.getByRole("button", { name: /^Citra\b/ }).first().click();
      await dialog(page);
    },
  },
  {
    name: "chat",
    at: inRoom(),
    async shown(page) {
      // Where it is wide it is open already.
      if (!(await page.field("chat.write").isVisible())) await page.button("chat").click();
      await page.field("chat.write").waitFor();
    },
  },
  {
    name: "help",
    at: inRoom(),
    async shown(page) {
      await page.button("room.leave").waitFor();
      await page.tab.keyboard.press("?");
      await dialog(page);
    },
  },
  { name: "leave", at: inRoom(), shown: pressed("room.leave") },
  panel("invites"),
  panel("moderation"),
  panel("log"),
  panel("relays"),
  panel("schedule"),
  { ...roomWith("recording", recorded, dialog), at: inRoom("/recording") },
  roomWith("recorded", recorded, (page) => page.button("consent.give").waitFor()),
  roomWith("listener", () => ({ role: "listener", caps: ["hear"], rank: 3, me: { stage: false, live: false } }), (page) => page.button("hand.label").waitFor()),
  roomWith("muted", () => ({ me: { muted: true, live: false } }), says("mic.muted")),
  roomWith("put-out", () => ({ gone: { code: "put_out", text: "you were put out" } }), says("error.put_out")),
  { name: "people", at: () => "#/people", shown: screen("people.title") },
  { name: "settings", at: () => "#/settings", shown: (page) => page.tab.getByRole("combobox").first().waitFor() },
  { name: "doctor", at: () => "#/doctor", shown: (page) => page.tab.getByRole("listitem").first().waitFor() },
  {
    name: "lost", // the last one: nothing follows it
    flags: ["-seed", "2"],
    at: inRoom(),
    async shown(page) {
      await page.button("room.leave").waitFor();
      await page.node.kill();
      await page.says("lost");
    },
  },
];

/** The scenes, or those of these names, by the flags of uitest that they need: one play serves many. */
export function byFlags(names) {
  const groups = new Map();
  for (const scene of scenes) {
    const flags = scene.flags ?? [];
    const group = groups.get(flags.join(" ")) ?? { flags, scenes: [] };
    if (!names?.length || names.includes(scene.name)) group.scenes.push(scene);
    if (group.scenes.length) groups.set(flags.join(" "), group);
  }
  return [...groups.values()].map(({ flags, scenes }) => [flags, scenes]);
}

/** What no play brings about by itself, and every screen wants to have. */
function furniture({ room, me, stage, audience }) {
  const [ben, citra, dewi] = stage;
  const said = (key, who, name, at, text) => ({ [`${at}.${key}`]: { who, name, at_ms: at, text } });
  return {
    sound: { live: true },
    contacts: {
      [ben]: { name: "Ben from work", note: "met at the conference", since_ms: ago(20 * day) },
      [audience[0]]: { name: "Grandmother", since_ms: ago(90 * day) },
    },
    blocked: { [audience[1]]: { name: "loud", reason: "shouts all the time", since_ms: ago(3 * day) } },
    rooms: {
      [room]: {
        me: { live: true },
        audible: { spoken: true, heard: 38, not: [citra], hears: 5, loudspeaker: true },
        hands: audience.slice(2, 5),
        chat: {
          ...said("00000001", dewi, "Dewi", ago(9 * minute), "Good evening everybody!"),
          ...said("00000002", audience[0], "Gus", ago(8 * minute), "Halo dari Bandung 👋"),
          ...said("00000003", audience[0], "Gus", ago(7 * minute), "I have only just come in. What is it about today?"),
          ...said("00000004", me, "Ann", ago(2 * minute), "Marcus Aurelius: https://en.wikipedia.org/wiki/Meditations"),
        },
        invites: {
          quiet4: { role: "listener", link: "stoa:j/uitest", state: "open", used: 12, count: "exact", by: audience.slice(0, 12) },
          loud7: { role: "speaker", link: "stoa:j/uitest", state: "open", uses: 3, used: 1, count: "exact", expires_ms: ahead(5 * hour), by: [ben] },
          old2: { role: "listener", state: "revoked", used: 1, by: [audience[3]] },
        },
        removed: { [audience[5]]: { name: "Noisy", banned: true, by: me, reason: "advertising" } },
        relays: {
          primary: audience[6], shadow: audience[7], loss: 0.002, rtt_ms: 31,
          list: {
            [audience[6]]: { name: "relay-jakarta", alive: true, carries: 31, slots: 500 },
            [audience[7]]: { name: "relay-berlin", alive: true, carries: 8, slots: 200 },
          },
          lend: { may: true, on: true, listeners: 4, slots: 12 },
        },
        ways: {
          [ben]: { way: "direct", rtt_ms: 24, loss_in: 0, loss_out: 0.001 },
          [citra]: { way: "relay", relay: audience[6], rtt_ms: 210, loss_in: 0.21, loss_out: 0.02 },
          [dewi]: { way: "punched", rtt_ms: 80, loss_in: 0.01, loss_out: 0.01 },
        },
        schedule: { starts_ms: ahead(2 * day), ends_ms: ahead(2 * day + hour), text: "Book IV, and what to read next" },
      },
    },
  };
}

/** What verbs answer of which the play knows nothing. */
function answers({ me, stage, audience }) {
  const entry = (kind, at, author, by, more) => ({ op: `${kind}${at}`, at_ms: ago(at), author, by, kind, valid: true, ...more });
  return {
    log: {
      damaged: 0,
      root: "k5fninqi",
      entries: [
        entry("grant", 3 * hour, me, "Ann", { target: stage[1], whom: "Citra", role: "moderator" }),
        entry("admit", 2 * hour, me, "Ann", { target: stage[0], whom: "Ben", role: "speaker" }),
        entry("ban", 40 * minute, me, "Ann", { target: audience[5], whom: "Noisy", reason: "advertising" }),
        entry("title", 12 * minute, stage[0], "Ben", { title: "Evening talk" }),
        entry("mute", 5 * minute, audience[2], "Hanako", { target: me, whom: "Ann", valid: false, why: "not allowed" }),
      ],
    },
    doctor: {
      findings: [
        { check: "microphone", verdict: "fine", code: "microphone_fine", text: "your microphone is loud enough" },
        { check: "nat", verdict: "worth knowing", code: "nat_relayed", text: "others reach this machine only through relays", do: "ask your router for a port" },
      ],
    },
    desktop: { notifications: { on: true, state: "on" }, tray: { on: true, state: "on" }, shortcut: { on: false, state: "off" } },
    qr: { size: 3, rows: ["101", "010", "101"] },
  };
}

/** A play and its page, on which scenes are shown one after the other. */
export class Stage {
  /**
   * @param {import("playwright-core").Browser} browser
   * @param {string[]} flags of uitest
   * @param {Parameters<typeof Page.open>[2]} options
   */
  static async set(browser, flags, options) {
    const stage = new Stage();
    stage.play = new Play(...flags);
    const { me, rooms, kept } = await (await Client.enter(await stage.play.address())).state();
    const [room, { people }] = Object.entries(rooms)[0] ?? ["", { people: {} }];
    const others = Object.keys(people).filter((id) => id !== me.id);
    stage.cast = {
      room,
      me: me.id,
      kept: Object.keys(kept),
      stage: others.filter((id) => people[id].stage),
      audience: others.filter((id) => !people[id].stage),
    };
    stage.prompter = await Prompter.before(stage.play, answers(stage.cast));
    stage.page = await Page.open(browser, stage.prompter, options);
    return stage;
  }

  /** @param {Scene} scene */
  async show(scene) {
    const { cast, page, play } = this;
    play.lay(merge(cast.room ? furniture(cast) : {}, scene.lay?.(cast) ?? {}));
    if (await page.tab.getByRole("dialog").count()) await page.tab.keyboard.press("Escape");
    await page.tab.getByRole("dialog").waitFor({ state: "detached" });
    await page.go("#/");
    await page.go(scene.at?.(cast) ?? "#/");
    await scene.shown(page, cast).catch((error) => {
      error.message = `${scene.name}: ${error.message}`;
      throw error;
    });
  }

  async strike() {
    await this.page.tab.context().close();
    this.prompter.close();
    await this.play.kill();
  }
}

/** Both of two merge patches; where they differ, the second. */
function merge(a, b) {
  if (!isObject(a) || !isObject(b)) return b;
  const both = { ...a };
  for (const [name, value] of Object.entries(b)) both[name] = name in a ? merge(a[name], value) : value;
  return both;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
