// A node's page in a browser context of its own, and what a person does there. What is on
// the page is found as people and their screen readers find it: by role, name and text.

import { patience } from "./node.js";

export class Page {
  /** What must not have happened: errors of scripts, refused content, requests to anybody else. */
  failures = [];

  /**
   * Opens the page of a node.
   *
   * @param {import("playwright-core").Browser} browser
   * @param {import("./node.js").Node} node
   * @param {{address?: string, width?: number, height?: number, theme?: "light" | "dark", language?: string}} options
   *   address: as the node printed it; without it the node makes one, as `stoa page` does
   */
  static async open(browser, node, { address, width = 1280, height = 800, theme = "light", language = "en" } = {}) {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      locale: language,
      reducedMotion: "reduce",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    context.setDefaultTimeout(patience);
    const page = new Page(node, await context.newPage());
    await page.visit(address ?? (await page.address()));
    return page;
  }

  constructor(node, tab) {
    this.node = node;
    this.tab = tab;
    tab.on("pageerror", (error) => this.#fail(`${error.stack ?? error}`));
    tab.on("console", (message) => {
      // That a request failed is news for whoever made it; the page says it in a sentence.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
        this.#fail(message.text());
      }
    });
    tab.on("request", (request) => {
      const url = new URL(request.url());
      if (this.origin && url.origin !== this.origin && url.protocol !== "blob:" && url.protocol !== "data:") {
        this.#fail(`asked ${url.origin}, which is not its node`);
      }
    });
  }

  #fail(what) {
    this.failures.push(`${this.node.name}: ${what}`);
  }

  /** Has the node make another address with a token that works once. */
  async address() {
    return (await this.node.ask("page")).url;
  }

  async visit(address) {
    this.origin = new URL(address).origin;
    await this.tab.goto(address);
  }

  /** Goes to another screen, as a link of the page would. */
  async go(fragment) {
    await this.tab.evaluate((hash) => (location.hash = hash), fragment);
  }

  button(name) {
    return this.tab.getByRole("button", { name });
  }

  link(name) {
    return this.tab.getByRole("link", { name });
  }

  field(label) {
    return this.tab.getByLabel(label);
  }

  /** Waits for a text, or a heading, that can be seen. */
  async sees(text) {
    await this.tab.getByText(text).filter({ visible: true }).first().waitFor();
  }

  async reads(heading) {
    await this.tab.getByRole("heading", { name: heading }).first().waitFor();
  }

  /** What the page is to a screen reader, for the message of a test that failed. */
  describe() {
    return this.tab.locator("body").ariaSnapshot({ timeout: 5_000 }).catch((error) => String(error));
  }
}
