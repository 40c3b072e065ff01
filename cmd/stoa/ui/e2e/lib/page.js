// A node's page in a browser context of its own, and what a person does there. What is on
// the page is found as people and their screen readers find it, by role and name; names are
// keys of the page's language files, see words.js.

import { patience } from "./programs.js";
import { word } from "./words.js";

export class Page {
  /** What must not have happened: errors of scripts, refused content, requests to anybody else. */
  failures = [];

  /**
   * Opens the page of a node in a context of its own, with that context's storage.
   *
   * @param {import("playwright-core").Browser} browser
   * @param {{name: string, address(fragment?: string): Promise<string>}} node a Node or a Play
   * @param {{address?: string, width?: number, height?: number, theme?: "light" | "dark", language?: string, motion?: boolean}} options
   *   address: one that was made before; without it the node makes one. Without motion nothing
   *   moves by itself, as people may choose, so that a test presses things that stand still
   */
  static async open(browser, node, { address, width = 1280, height = 800, theme = "light", language = "en", motion = false } = {}) {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      locale: language,
      reducedMotion: motion ? "no-preference" : "reduce",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    context.setDefaultTimeout(patience);
    const page = new Page(node, await context.newPage(), language);
    await page.visit(address ?? (await node.address()));
    return page;
  }

  constructor(node, tab, language) {
    this.node = node;
    this.tab = tab;
    this.language = language;
    tab.on("pageerror", (error) => this.#fail(error.stack ?? String(error)));
    tab.on("console", (message) => {
      // That a request failed is news for whoever made it; the page says it in a sentence.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
        this.#fail(message.text());
      }
    });
    tab.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.origin && protocol !== "blob:") this.#fail(`asked ${origin}, which is not its node`);
    });
  }

  #fail(what) {
    this.failures.push(`${this.node.name}: ${what}`);
  }

  async visit(address) {
    this.origin = new URL(address).origin;
    await this.tab.goto(address);
  }

  /** Goes to another screen, as a link of the page would. */
  go(fragment) {
    return this.tab.evaluate((hash) => void (location.hash = hash), fragment);
  }

  /** What the page says for a key of its language file. */
  word(key, values) {
    return word(this.language, key, values);
  }

  button(key, values) {
    return this.tab.getByRole("button", { name: this.word(key, values), exact: true });
  }

  link(key, values) {
    return this.tab.getByRole("link", { name: this.word(key, values), exact: true });
  }

  field(key, values) {
    return this.tab.getByRole("textbox", { name: this.word(key, values), exact: true });
  }

  heading(key, values) {
    return this.tab.getByRole("heading", { name: this.word(key, values), exact: true });
  }

  /** What can be seen and says just this. */
  text(text) {
    return this.tab.getByText(text, { exact: true }).filter({ visible: true }).first();
  }

  /** What can be seen and says just what a key stands for. */
  sentence(key, values) {
    return this.text(this.word(key, values));
  }

  /** Waits until it can be seen that something is so. */
  async says(key, values) {
    await this.sentence(key, values).waitFor();
  }

  /** What the page is to a screen reader, for the message of a test that failed. */
  describe() {
    return this.tab.locator("body").ariaSnapshot({ timeout: 5_000 }).catch(String);
  }
}
