// A newcomer's five minutes: two people who have never seen stoa, each with a node and a
// page, from the first run to the end of a room; once with a mouse, once with the keyboard
// alone. What they say is real speech, and is recognised in what the other one's node plays.

import { clip, fallsSilent, hears } from "./lib/ears.js";
import { Keyboard, Mouse } from "./lib/hands.js";
import { story } from "./lib/world.js";

const title = "Evening talk";

for (const Hands of [Mouse, Keyboard]) {
  story(`a newcomer's five minutes, by ${Hands.name.toLowerCase()}`, async (world) => {
    const [ann, ben] = await Promise.all([
      newcomer(world, Hands, "Ann", "a"),
      newcomer(world, Hands, "Ben", "b"),
    ]);
    await opensRoom(ann);
    await copiesLink(ann);
    await joins(ben);
    await Promise.all([tile(ann, ben).waitFor(), tile(ben, ann).waitFor()]);
    await hears(ben.recording, "a");

    await isCalledToTheStage(ann, ben);
    await hears(ann.recording, "b");
    await mutes(ben);
    await fallsSilent(ann.recording);
    await leavesTheStageAndReturns(ben);

    await write(ann, ben);
    await reacts(ann, ben);
    await leaves(ben, ann);
    await ends(ann);
  });
}

/** Somebody at their first run: a name, and they are in the hall. */
async function newcomer(world, Hands, name, letter) {
  const recording = world.recording(name);
  const node = world.node(name, "--in", clip(letter), "--loop", "--out", recording);
  const page = await world.page(node);
  const hands = new Hands(page.tab);
  await hands.type(page.field("welcome.name"), name);
  await hands.press(page.button("welcome.begin"));
  await page.heading("hall.title").waitFor();
  return { name, page, hands, recording, node };
}

async function opensRoom({ page, hands }) {
  await hands.press(page.button("hall.open"));
  await hands.type(page.field("open.name"), title);
  await hands.press(page.button("open.go"));
  await page.tab.getByRole("heading", { name: title }).waitFor();
}

/** Takes the room's link to the clipboard: to send it is what the page of an empty room proposes. */
async function copiesLink({ page, hands }) {
  await hands.press(page.button("room.copy-link"));
  await page.says("copied");
}

/** Looks at the link that was copied, sees what it leads to, and joins. */
async function joins({ page, hands }) {
  await hands.paste(page.field("hall.paste"));
  await hands.press(page.button("hall.look"));
  await page.text(title).waitFor();
  await hands.press(page.button("preview.join"));
  await page.tab.getByRole("heading", { name: title }).waitFor();
}

/** A person as they are shown in the room of somebody else. */
const tile = ({ page }, { name }) => page.tab.getByRole("button", { name: new RegExp(`^${name}\\b`) });

/** One's own microphone, which says in words what it does. */
const mic = ({ page }, state) =>
  page.tab.getByRole("button", { name: `${page.word(`mic.${state}`)}. ${page.word(`mic.${state}.press`)}`, exact: true });

async function isCalledToTheStage(ann, ben) {
  await ben.hands.press(ben.page.button("hand.label"), "h");
  await ben.page.says("hand.place", { count: 1 });
  await ann.hands.press(ann.page.button("hand.call"));
  await mic(ben, "live").waitFor();
}

async function mutes(who) {
  await who.hands.press(mic(who, "live"), "m");
  await mic(who, "off").waitFor();
}

/** Goes into the audience by one's own will, and back; the microphone is off then. */
async function leavesTheStageAndReturns(who) {
  await who.hands.press(who.page.tab.getByRole("button", { name: new RegExp(`${who.name}\\b`) }).first());
  await who.hands.press(who.page.button("stage.down"));
  await who.page.tab.getByRole("dialog").waitFor({ state: "detached" });
  await who.hands.press(who.page.button("stage.up"));
  await mic(who, "off").waitFor();
}

async function write(ann, ben) {
  await says(ben, "Hello, do you hear me?");
  await ann.page.text("Hello, do you hear me?").waitFor();
  await says(ann, "Very well!");
  await ben.page.text("Very well!").waitFor();
}

async function says({ page, hands }, text) {
  await hands.type(page.field("chat.write"), text);
  await hands.press(page.button("chat.send"));
}

async function reacts(from, to) {
  await from.hands.press(from.page.button("react"), "r");
  await from.hands.press(from.page.tab.getByRole("menuitem", { name: "👏" }));
  await to.page.text("👏").waitFor();
}

async function leaves(who, other) {
  await who.hands.press(who.page.button("room.leave"));
  await who.page.heading("hall.title").waitFor();
  await tile(other, who).waitFor({ state: "detached" });
}

/** Ends the room for everybody; the hall says that it has ended. */
async function ends({ page, hands }) {
  await hands.press(page.button("room.leave"));
  await hands.press(page.button("leave.end"));
  await page.heading("hall.title").waitFor();
  await page.says("hall.kept.ended");
}
