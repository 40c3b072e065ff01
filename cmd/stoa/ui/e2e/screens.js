// Takes a picture of every screen of the page, in light and dark, narrow and wide, English
// and Indonesian, into cmd/stoa/ui/screens.

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { launch } from "./lib/browser.js";
import { root } from "./lib/programs.js";
import { byFlags, Stage } from "./lib/scenes.js";

const folder = join(root, "cmd/stoa/ui/screens");
const quality = 42; // of WebP: text stays sharp, and all of them together below 2 MB

/** Each size with each theme, each theme with each language, each language with each size. */
const narrow = { width: 360, height: 740 }, wide = { width: 1440, height: 900 };
const looks = {
  "narrow-light-id": { ...narrow, theme: "light", language: "id" },
  "narrow-dark-en": { ...narrow, theme: "dark", language: "en" },
  "wide-light-en": { ...wide, theme: "light", language: "en" },
  "wide-dark-id": { ...wide, theme: "dark", language: "id" },
};

/** A picture of what is seen, as WebP, which playwright does not write. */
async function picture(tab) {
  const devtools = await tab.context().newCDPSession(tab);
  const { data } = await devtools.send("Page.captureScreenshot", { format: "webp", quality });
  await devtools.detach();
  return Buffer.from(data, "base64");
}

const names = process.argv.slice(2); // of scenes; without any, all
if (names.length === 0) await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });

const browser = await launch();
for (const [name, look] of Object.entries(looks)) {
  for (const [flags, scenes] of byFlags(names)) {
    const stage = await Stage.set(browser, flags, look);
    for (const scene of scenes) {
      await stage.show(scene);
      await writeFile(join(folder, `${scene.name}-${name}.webp`), await picture(stage.page.tab));
    }
    await stage.strike();
  }
}
await browser.close();
