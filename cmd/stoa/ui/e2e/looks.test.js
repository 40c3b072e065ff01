// What a person chooses for their browser stays in it, and so does what lets it in again.

import assert from "node:assert/strict";
import { story } from "./lib/world.js";

story("a language and colours that one chooses", async (world) => {
  const node = world.node("Ann", "--name", "Ann");
  await node.event("ready");
  const page = await world.page(node);
  const choose = (key, value) => page.tab.getByRole("combobox", { name: page.word(key), exact: true }).selectOption(value);
  const colours = () => page.tab.evaluate(() => getComputedStyle(document.body).colorScheme);

  for (const language of ["id", "es", "en"]) {
    await page.go("#/settings");
    await choose("language", language);
    page.language = language;
    await page.heading("settings.title").waitFor();
    await choose("looks.theme", language === "en" ? "light" : "dark");
    const chosen = await colours();
    assert.equal(chosen, language === "en" ? "light" : "dark");
    await page.tab.reload(); // its address has no token any more
    await page.heading("settings.title").waitFor();
    assert.equal(await colours(), chosen);
  }
});
