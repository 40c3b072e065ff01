// Two ways to use a page: with a mouse, and with the keyboard alone.

import assert from "node:assert/strict";

/** Presses where it points; types, as everybody does. */
export class Mouse {
  constructor(tab) {
    this.tab = tab;
  }

  /** Presses something. A key of the page that does the same is of no use to a mouse. */
  press(thing) {
    return thing.click();
  }

  /** Writes into a field instead of what was there. */
  type(field, text) {
    return field.fill(text);
  }

  /** Writes what was copied into a field. */
  async paste(field) {
    await field.click();
    await this.tab.keyboard.press("ControlOrMeta+V");
  }
}

/** More stops of Tab are on no screen; who needs more is lost. */
const maxStops = 150;

/** Goes from one thing to the next by Tab and arrows, and sees where it is. */
export class Keyboard {
  constructor(tab) {
    this.tab = tab;
  }

  async press(thing, key) {
    if (key) {
      await thing.waitFor(); // what the key does is to be had only now
      await this.tab.keyboard.press(key);
    } else {
      await this.#reach(thing);
      await this.tab.keyboard.press("Enter");
    }
  }

  async type(field, text) {
    await this.#reach(field);
    await this.tab.keyboard.press("ControlOrMeta+A");
    await this.tab.keyboard.type(text);
  }

  async paste(field) {
    await this.#reach(field);
    await this.tab.keyboard.press("ControlOrMeta+V");
  }

  async #reach(thing) {
    await thing.waitFor();
    for (let stop = 0; stop < maxStops; stop++) {
      const where = await thing.evaluate((element) => {
        const focused = document.activeElement;
        if (element === focused) return "here";
        // One stop of Tab for many controls: inside, arrows lead on.
        const group = element.parentElement;
        return element.tabIndex < 0 && focused !== document.body && group.parentElement.contains(focused) ? "near" : "far";
      });
      if (where === "here") return this.#mustShow(thing);
      await this.tab.keyboard.press(where === "near" ? "ArrowRight" : "Tab");
    }
    assert.fail(`the keyboard does not lead to ${thing}`);
  }

  /** Whatever has the focus must be in sight and look different from the others. */
  async #mustShow(thing) {
    const [seen, marked] = await thing.evaluate((element) => {
      const box = element.getBoundingClientRect();
      const style = getComputedStyle(element);
      return [
        box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
        style.outlineStyle !== "none" || style.boxShadow !== "none",
      ];
    });
    assert.ok(seen, `${thing} has the focus out of sight`);
    assert.ok(marked, `${thing} does not show that it has the focus`);
  }
}
