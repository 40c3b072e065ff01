// Firefox and WebKitGTK, whose pages are Safari's, steered by the commands of WebDriver
// (W3C). Firefox takes them by itself, as Marionette, over a socket; WebKitGTK has a program
// beside it that takes them over HTTP. Both want an X server, so that what one copies the
// other can paste: `make browsers` starts one that nobody sees.

import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { end, patience, run, start } from "./programs.js";
import { freePort } from "./tunnel.js";

/** What the commands are called: to Marionette, and as a method and path to who listens to HTTP. */
const commands = {
  open: ["WebDriver:NewSession"],
  visit: ["WebDriver:Navigate", "POST", "/url"],
  reload: ["WebDriver:Refresh", "POST", "/refresh"],
  run: ["WebDriver:ExecuteScript", "POST", "/execute/sync"],
  label: ["WebDriver:GetComputedLabel", "GET", "/element/{id}/computedlabel"],
  click: ["WebDriver:ElementClick", "POST", "/element/{id}/click"],
  keys: ["WebDriver:PerformActions", "POST", "/actions"],
  picture: ["WebDriver:TakeScreenshot", "GET", "/screenshot"],
};

/** What a browser could not do; name is WebDriver's code, such as "stale element reference". */
class Refused extends Error {
  constructor(command, { error, message }) {
    super(`${command}: ${error}: ${message}`);
    this.name = error;
  }
}

function find(what, places) {
  const found = places.find((path) => existsSync(path));
  if (!found) throw new Error(`there is no ${what}: run .ci/need browsers`);
  return found;
}

const inPath = (...names) => names.flatMap((name) => process.env.PATH.split(delimiter).map((folder) => join(folder, name)));

/** One browser with one window and a home of its own, which it leaves nothing behind of. */
class Driven {
  /** @param {{width: number, height: number, theme: "light" | "dark", motion: boolean}} look */
  static async open(look) {
    if (!process.env.DISPLAY) throw new Error("there is no X server: make browsers brings one");
    const driven = new this();
    driven.home = await mkdtemp(join(tmpdir(), "stoa-browser-"));
    try {
      await driven.begin(look);
    } catch (error) {
      await driven.quit();
      throw error;
    }
    return driven;
  }

  /** Starts a program that finds no settings but those of its home. */
  start(path, args, env) {
    const folders = Object.fromEntries(["CONFIG", "CACHE", "DATA"].map((kind) => [`XDG_${kind}_HOME`, join(this.home, kind)]));
    this.child = start(path, args, { stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, HOME: this.home, ...folders, ...env } });
    this.child.stdout.resume();
    this.ended = once(this.child, "close");
  }

  /** Waits until the program that was started can be reached, and returns how. */
  async reached(reach) {
    for (const alarm = AbortSignal.timeout(patience); !alarm.aborted && this.child.exitCode === null; await pause(50)) {
      const reached = await reach().catch(() => undefined); // not yet
      if (reached) return reached;
    }
    throw new Error(`${this.child.spawnfile} cannot be reached`);
  }

  async quit() {
    if (this.child) {
      end(this.child, "SIGKILL");
      await this.ended;
    }
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What stands above the page in a window, in px. */
const barsOfFirefox = 85, barsOfWebKit = 38;

export class Firefox extends Driven {
  #waiting = new Map(); // number of a command -> who waits for its answer
  #sent = 0;

  async begin({ width, height, theme, motion }) {
    const settings = {
      "marionette.port": 0, // whichever is free; it is written into the profile
      "layout.css.prefers-color-scheme.content-override": theme === "dark" ? 0 : 1,
      "toolkit.legacyUserProfileCustomizations.stylesheets": true,
      "ui.prefersReducedMotion": motion ? 0 : 1,
    };
    const lines = Object.entries(settings).map(([name, value]) => `user_pref("${name}", ${value});`);
    await writeFile(join(this.home, "user.js"), lines.join("\n"));
    await mkdir(join(this.home, "chrome"));
    await writeFile(join(this.home, "chrome/userChrome.css"), ":root { min-width: 0 !important }"); // its windows are 450 px wide at least
    const program = find("Firefox", inPath("firefox-esr", "firefox"));
    this.start(program, ["--marionette", "--no-remote", "--profile", this.home, "--width", `${width}`, "--height", `${height + barsOfFirefox}`]);
    const port = await this.reached(async () => Number(await readFile(join(this.home, "MarionetteActivePort"), "utf8")));
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("error", () => {}); // whoever waits hears of its end
    this.socket.on("close", () => this.#waiting.forEach(({ fail }) => fail(new Error("Firefox ended"))));
    this.#listen();
    await this.command("open", { capabilities: {} });
  }

  /** Takes what comes apart: LENGTH:[1,NUMBER,ERROR,RESULT], and first a greeting that is no array. */
  #listen() {
    let rest = Buffer.alloc(0);
    this.socket.on("data", (more) => {
      rest = Buffer.concat([rest, more]);
      for (let colon; (colon = rest.indexOf(":")) > 0; ) {
        const close = colon + 1 + Number(rest.subarray(0, colon));
        if (rest.length < close) break;
        const message = JSON.parse(rest.subarray(colon + 1, close));
        rest = rest.subarray(close);
        if (Array.isArray(message)) this.#answer(...message.slice(1));
      }
    });
  }

  #answer(number, error, result) {
    const { done, fail, name } = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (error) fail(new Refused(name, error));
    else done(result?.value);
  }

  command(name, params = {}) {
    return new Promise((done, fail) => {
      if (this.socket.destroyed) throw new Error("Firefox has ended");
      const number = ++this.#sent;
      this.#waiting.set(number, { done, fail, name });
      const message = Buffer.from(JSON.stringify([0, number, commands[name][0], params]));
      this.socket.write(`${message.length}:`);
      this.socket.write(message);
    });
  }
}

export class WebKit extends Driven {
  async begin({ width, height, theme, motion }) {
    const program = find("WebKitWebDriver", inPath("WebKitWebDriver"));
    const settings = join(this.home, "CONFIG/gtk-3.0");
    await mkdir(settings, { recursive: true });
    await writeFile(join(settings, "settings.ini"), `[Settings]\ngtk-enable-animations=${Number(motion)}\n`);
    // Its window is as wide as the buttons above the page at least.
    await writeFile(join(settings, "gtk.css"), "* { padding: 0; margin: 0; border: 0; min-width: 0 }");
    const port = await freePort();
    this.start(program, [`--port=${port}`], { GTK_THEME: theme === "dark" ? "Adwaita:dark" : "Adwaita" });
    this.address = `http://127.0.0.1:${port}/session`;
    const options = { args: ["--automation", `--class=stoa-${port}`] };
    const { sessionId } = await this.reached(() => this.#ask("open", "POST", "", { capabilities: { alwaysMatch: { "webkitgtk:browserOptions": options } } }));
    this.address += `/${sessionId}`;
    await this.#ask("resize", "POST", "/window/rect", { width, height: height + barsOfWebKit });
    this.window = (await run("xdotool", ["search", "--sync", "--onlyvisible", "--class", `stoa-${port}`])).trim();
  }

  async #ask(name, method, path, body) {
    const answer = await fetch(this.address + path, { method, body: method === "POST" ? JSON.stringify(body) : undefined });
    const { value } = await answer.json();
    if (!answer.ok) throw new Refused(name, value);
    return value;
  }

  static #turn = Promise.resolve();
  static #front; // the window that has the focus

  /** One window after the other has the focus, and what has it looks different from what has not. */
  command(name, params = {}) {
    const [, method, path] = commands[name];
    const work = async () => {
      if (WebKit.#front !== this) await this.#comeToFront();
      return this.#ask(name, method, path.replace("{id}", params.id), params);
    };
    return (WebKit.#turn = WebKit.#turn.then(work, work));
  }

  async #comeToFront() {
    await run("xdotool", ["windowraise", this.window, "windowfocus", "--sync", this.window]);
    WebKit.#front = this;
    const script = { script: "return document.hasFocus()", args: [] };
    await this.reached(() => this.#ask("run", "POST", "/execute/sync", script)); // the page hears of it later
  }
}
