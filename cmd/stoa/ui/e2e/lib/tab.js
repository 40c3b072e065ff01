// A tab of a browser that WebDriver steers, with so much of Playwright's interface as the
// tests of the page use: the same story is told in every browser. Names are those that the
// browser itself computes for screen readers.

import { writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { patience } from "./programs.js";

/** What may have a role, of those that tests ask for. */
const selectors = {
  button: "button, [role=button]",
  combobox: "select",
  dialog: "dialog, [role=dialog]",
  heading: "h1, h2, h3, h4",
  link: "a[href]",
  listitem: "li",
  menuitem: "[role=menuitem]",
  textbox: "textarea, input:not([type]), input[type=text], input[type=search], input[type=password]",
};

/** Keys that write nothing, as WebDriver calls them. */
const keys = {
  ArrowDown: "\uE015",
  ArrowLeft: "\uE012",
  ArrowRight: "\uE014",
  ArrowUp: "\uE013",
  ControlOrMeta: "\uE009",
  Enter: "\uE007",
  Escape: "\uE00C",
  Tab: "\uE004",
};

/** Runs in the page: what can be seen and may have a role, or says just a text, or what fits a pattern. */
function seen({ selector = "*", text, pattern }) {
  const plain = (element) => element.textContent.trim().replace(/\s+/g, " ");
  const says = (element) => (pattern ? new RegExp(pattern).test(plain(element)) : plain(element) === text);
  const fits = (element) =>
    selector === "*" ? says(element) && ![...element.children].some(says) : !element.closest("[aria-hidden=true]");
  return [...document.body.querySelectorAll(selector)].filter(
    (element) => element.checkVisibility({ visibilityProperty: true }) && fits(element),
  );
}

/** Runs in the page: what it complained of, and whom it asked, since this was run last. */
function news() {
  if (!window.complaints) {
    const complaints = (window.complaints = { pageerror: [], console: [], request: [] });
    addEventListener("error", ({ error, message }) => complaints.pageerror.push(String(error?.stack ?? message)));
    addEventListener("unhandledrejection", ({ reason }) => complaints.pageerror.push(String(reason?.stack ?? reason)));
    addEventListener("securitypolicyviolation", (e) => complaints.pageerror.push(`${e.violatedDirective} forbids ${e.blockedURI} ${e.sample}`));
    console.error = (...what) => complaints.console.push(what.join(" "));
    new PerformanceObserver((list) => complaints.request.push(...list.getEntries().map(({ name }) => name))).observe({ type: "resource", buffered: true });
  }
  return Object.entries(window.complaints).map(([kind, all]) => [kind, all.splice(0)]);
}

/** A browser in a process of its own for every context, which has one window: its newest page takes the place of the others. */
export class DrivenBrowser {
  #contexts = [];

  /** @param {typeof import("./drivers.js").Firefox} Driver */
  constructor(Driver) {
    this.Driver = Driver;
  }

  async newContext({ viewport, locale, colorScheme, reducedMotion }) {
    const driver = await this.Driver.open({ ...viewport, theme: colorScheme, motion: reducedMotion !== "reduce" });
    const context = { newPage: () => new Tab(driver, context, locale), setDefaultTimeout() {}, close: () => driver.quit() };
    this.#contexts.push(context);
    return context;
  }

  async close() {
    await Promise.all(this.#contexts.map((context) => context.close()));
  }
}

class Tab {
  #listeners = { pageerror: [], console: [], request: [] };

  constructor(driver, context, language) {
    this.driver = driver;
    this.language = language;
    this.context = () => context;
    this.keyboard = new Keyboard(this);
  }

  /** What the page complains of is heard with the next thing that is asked of it. */
  on(kind, listener) {
    this.#listeners[kind].push(listener);
  }

  async #hear() {
    const as = {
      pageerror: (text) => text,
      console: (text) => ({ type: () => "error", text: () => text }),
      request: (address) => ({ url: () => address }),
    };
    for (const [kind, all] of await this.run(news)) {
      for (const one of all) this.#listeners[kind].forEach((listener) => listener(as[kind](one)));
    }
  }

  async goto(address) {
    if (this.language !== "en") {
      // WebKitGTK speaks the language of a locale that the machine has, or English: the page is
      // told as its settings would.
      await this.driver.command("visit", { url: new URL("/index.html", address).href });
      await this.run((language) => localStorage.setItem("stoa.language", language), this.language);
    }
    await this.driver.command("visit", { url: address });
    await this.#hear();
  }

  async reload() {
    await this.driver.command("reload");
    await this.#hear();
  }

  run(body, ...args) {
    const script = typeof body === "string" ? body : `return (${body})(...arguments)`;
    return this.driver.command("run", { script, args });
  }

  async evaluate(body, ...args) {
    const result = await this.run(body, ...args);
    await this.#hear();
    return result;
  }

  async screenshot({ path }) {
    await writeFile(path, await this.driver.command("picture", { full: false }), "base64");
  }

  getByRole(role, { name, exact } = {}) {
    return new Locator(this, `${role} ${name ?? ""}`, { selector: selectors[role] }, (label) =>
      name instanceof RegExp ? name.test(label) : exact ? label === name : label.toLowerCase().includes((name ?? "").toLowerCase()),
    );
  }

  /** Only what can be seen is found, and for a string only what says nothing else. */
  getByText(text) {
    return new Locator(this, `${text}`, text instanceof RegExp ? { pattern: text.source } : { text });
  }

  /** The whole page, to describe it. */
  locator(selector) {
    return { ariaSnapshot: () => this.evaluate((selector) => document.querySelector(selector).innerText, selector) };
  }
}

class Keyboard {
  constructor(tab) {
    this.tab = tab;
  }

  /** Presses a key, or as "ControlOrMeta+V" several at once. */
  async press(combination) {
    const pressed = combination.split("+").map((name) => keys[name] ?? (combination.includes("+") ? name.toLowerCase() : name));
    await this.#act([...pressed.map(down), ...pressed.toReversed().map(up)]);
    // Behind the last thing of a page come the browser's own buttons, which are for people:
    // keys of WebDriver go to the page. Behind the last of those is the page again.
    if (combination === "Tab") await this.tab.run(() => document.hasFocus() || window.focus());
  }

  type(text) {
    return this.#act([...text].flatMap((letter) => [down(letter), up(letter)]));
  }

  #act(actions) {
    return this.tab.driver.command("keys", { actions: [{ type: "key", id: "keyboard", actions }] });
  }
}

const down = (value) => ({ type: "keyDown", value });
const up = (value) => ({ type: "keyUp", value });

/** What happens when a page changes while it is looked at: it is looked at again. */
const passing = ["stale element reference", "no such element", "element click intercepted", "element not interactable", "move target out of bounds"];

class Locator {
  #named;
  #pick = (found) => {
    if (found.length > 1) throw new Error(`${this} is there ${found.length} times`);
    return found[0];
  };

  constructor(tab, what, seek, named) {
    Object.assign(this, { tab, what, seek });
    this.#named = named;
  }

  toString() {
    return this.what;
  }

  /** What is found can be seen anyway. */
  filter() {
    return this;
  }

  first() {
    const first = new Locator(this.tab, this.what);
    first.#all = this.#all;
    first.#pick = ([found]) => found;
    return first;
  }

  #all = async () => {
    const found = await this.tab.evaluate(seen, this.seek);
    if (!this.#named) return found;
    const labels = await Promise.all(found.map((element) => this.tab.driver.command("label", { id: Object.values(element)[0] })));
    return found.filter((_, i) => this.#named(labels[i].trim().replace(/\s+/g, " ")));
  };

  /** This one or another. */
  or(other) {
    const either = new Locator(this.tab, `${this} or ${other}`);
    either.#all = async () => [...(await this.#all()), ...(await other.#all())];
    return either;
  }

  count() {
    return this.#until("let itself be counted", ({ length }) => length);
  }

  async isVisible() {
    return (await this.count()) > 0;
  }

  /** Does something with what is found once it is done, and until it is done. */
  async #until(what, act) {
    let why = "";
    for (const alarm = AbortSignal.timeout(patience); !alarm.aborted; await pause(50)) {
      try {
        const result = await act(await this.#all());
        if (result !== undefined) return result;
      } catch (error) {
        if (!passing.includes(error.name)) throw error;
        why = error.message;
      }
    }
    throw new Error(`${this} did not ${what}\n${why}`);
  }

  #on(what, act) {
    return this.#until(what, async (found) => {
      const element = this.#pick(found);
      return element && { result: await act(element) };
    });
  }

  async waitFor({ state = "visible" } = {}) {
    if (state === "visible") await this.#on("come", () => {});
    else await this.#until("go", ({ length }) => (length ? undefined : true));
  }

  async click() {
    await this.#on("let itself be pressed", (element) => this.tab.driver.command("click", { id: Object.values(element)[0] }));
  }

  /** Chooses one of a list that opens. */
  async selectOption(value) {
    await this.#on("let itself be chosen", async (element) => {
      const option = await this.tab.run((list, value) => [...list.options].find((option) => option.value === value), element, value);
      await this.tab.driver.command("click", { id: Object.values(option)[0] });
    });
  }

  innerText() {
    return this.evaluate((element) => element.innerText);
  }

  inputValue() {
    return this.evaluate((field) => field.value);
  }

  async evaluate(body) {
    return (await this.#on("come", (element) => this.tab.evaluate(body, element))).result;
  }

  /** Writes over what was there, as one who presses every key. */
  async fill(text) {
    await this.click();
    await this.tab.keyboard.press("ControlOrMeta+A");
    await this.tab.keyboard.type(text);
  }
}
