// That a browser which is steered by WebDriver hides nothing: what its page complains of is
// heard, and what is not there is not found.

import assert from "node:assert/strict";
import { test } from "node:test";
import { launch } from "./browser.js";
import { Page } from "./page.js";
import { Play } from "./play.js";
import { patience } from "./programs.js";

/** What goes wrong must be the page's own: Firefox runs what tests bring along beside it. */
const provocations = {
  "an error": () => void window.reportError(new window.Error("broken")),
  "a broken promise": () => void window.Promise.reject(new window.Error("broken")),
  "a complaint": () => console.error("complained"),
  "what the page's policy forbids": () => void document.body.append(Object.assign(document.createElement("img"), { src: "http://127.0.0.2/" })),
};

test("a page that complains is heard", { timeout: 3 * patience }, async (t) => {
  const browser = await launch();
  const play = new Play();
  t.after(() => Promise.all([browser.close(), play.kill()]));
  const page = await Page.open(browser, play, { width: 360, language: "id" });
  await page.button("hall.open").waitFor();
  assert.deepEqual(page.failures, []);
  assert.equal(await page.tab.evaluate(() => innerWidth), 360);
  assert.equal(await page.tab.getByText("Ada yang tidak ada").count(), 0);
  for (const [what, provoke] of Object.entries(provocations)) {
    await page.tab.evaluate(provoke);
    await page.tab.evaluate(() => new Promise((later) => setTimeout(later)));
    assert.equal(page.failures.length, 1, `${what}: heard ${page.failures}`);
    page.failures.length = 0;
  }
});
