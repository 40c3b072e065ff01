// Somebody tries the microphone, opens a public room, which a stranger finds by looking, and
// moves to another machine with one file: there they are the same person, with the same room.

import { join } from "node:path";
import { clip, hears } from "./lib/ears.js";
import { story } from "./lib/world.js";

const title = "On the good life";
const passphrase = "a few words, ganz ungeraten";

story("a public room, and a move to another machine", async (world) => {
  const speaks = ["--in", clip("a"), "--loop", "--treat"];
  const recording = world.recording("Ben");
  const [ann, ben] = await Promise.all([
    world.page(world.node("Ann", ...speaks)),
    world.page(world.node("Ben", "--out", recording)),
  ]);
  await triesTheMicrophone(ann);
  await Promise.all([begins(ann, "Ann"), begins(ben, "Ben")]);
  await opensPublicRoom(ann);
  await findsRoom(ben);
  await hears(recording, "a");

  const file = join(world.dir, "everything.age");
  await takesEverything(ann, file);
  await ann.node.quit();
  await tile(ben, "Ann").waitFor({ state: "detached" });

  const moved = await world.page(world.node("Ann's laptop", ...speaks));
  await bringsEverything(moved, file);
  await moved.link("hall.back").click(); // it went back into the room by itself, with the microphone off
  await Promise.all([tile(ben, "Ann").waitFor(), tile(moved, "Ben").waitFor()]);
  await moved.tab.getByRole("button", { name: `${moved.word("mic.off")}. ${moved.word("mic.off.press")}`, exact: true }).click();
  await hears(recording, "a");
});

const tile = (page, name) => page.tab.getByRole("button", { name: new RegExp(`^${name}\\b`) });

/** Speaks, and reads that it is well. There is no loudspeaker to hear oneself by. */
async function triesTheMicrophone(page) {
  await page.button("test.start").click();
  await page.says("test.speak");
  await page.says("test.verdict.fine");
}

async function begins(page, name) {
  await page.field("welcome.name").fill(name);
  await page.button("welcome.begin").click();
  await page.heading("hall.title").waitFor();
}

async function opensPublicRoom(page) {
  await page.button("hall.open").click();
  await page.field("open.name").fill(title);
  await page.tab.getByRole("switch", { name: page.word("open.listed") }).click();
  await page.field("topic").fill("philosophy");
  await page.button("open.go").click();
  await page.tab.getByRole("heading", { name: title }).waitFor();
}

/** Looks for public rooms of a topic until the room is among them, and joins it. */
async function findsRoom(page) {
  await page.tab.getByRole("searchbox", { name: page.word("topic") }).fill("philosophy");
  const room = page.tab.getByRole("listitem").filter({ hasText: title });
  for (let tries = 0; !(await room.isVisible()); tries++) {
    if (tries === 20) throw new Error("the room is not found");
    await page.button("hall.find").click();
    await room.waitFor({ timeout: 1000 }).catch(() => {});
  }
  await room.getByRole("link", { name: page.word("hall.look") }).click();
  await page.button("preview.join").click();
  await page.tab.getByRole("heading", { name: title }).waitFor();
  await tile(page, "Ann").waitFor();
}

/** Saves everything that is one's own into a file. */
async function takesEverything(page, file) {
  await page.go("#/settings");
  await page.button("export.title").click();
  for (const field of ["passphrase", "export.again"]) await page.field(field).fill(passphrase);
  const [download] = await Promise.all([page.tab.waitForEvent("download"), page.button("export.go").click()]);
  await download.saveAs(file);
}

/** Brings it in on a machine where nothing is yet. */
async function bringsEverything(page, file) {
  await page.button("welcome.import").click();
  await page.tab.getByLabel(page.word("import.file")).setInputFiles(file);
  await page.field("passphrase").fill(passphrase);
  await page.button("import.go").click();
  await page.says("import.done");
  await page.heading("hall.title").waitFor();
}
