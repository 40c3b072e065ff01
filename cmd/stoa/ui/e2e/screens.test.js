// Every screen in both themes, as axe-core sees it: nothing serious, nothing critical. And
// nothing that is wider than the screen, also in the language with the longest words.

import { after, before, test } from "node:test";
import { audit } from "./lib/axe.js";
import { launch } from "./lib/browser.js";
import { patience } from "./lib/programs.js";
import { byFlags, Stage } from "./lib/scenes.js";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

for (const look of [
  { theme: "light", width: 1280, language: "en" },
  { theme: "dark", width: 360, language: "id" },
]) {
  for (const [flags, scenes] of byFlags()) {
    test(`screens, ${Object.values(look).join(", ")}: ${scenes.map(({ name }) => name).join(", ")}`, { timeout: 3 * patience }, async () => {
      const stage = await Stage.set(browser, flags, look);
      const troubles = [];
      try {
        for (const scene of scenes) {
          await stage
            .show(scene)
            .then(() => Promise.all([audit(stage.page, scene.name), fits(stage.page, scene.name)]))
            .catch(({ message }) => troubles.push(message));
        }
        troubles.push(...stage.page.failures);
      } finally {
        await stage.strike();
      }
      if (troubles.length) throw new Error(troubles.join("\n\n"));
    });
  }
}

/** Fails when one has to scroll sideways. */
async function fits({ tab }, where) {
  const wide = await tab.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll("body *")]
      .filter((element) => element === document.documentElement || /auto|scroll/.test(getComputedStyle(element).overflowX))
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      .map(({ localName, className, scrollWidth, clientWidth }) => `${localName}.${className}: ${scrollWidth} px in ${clientWidth}`),
  );
  if (wide.length) throw new Error(`${where} is wider than the screen: ${wide.join("; ")}`);
}
