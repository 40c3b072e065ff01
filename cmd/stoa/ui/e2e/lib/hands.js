// Two ways to use a page: with a mouse, and with the keyboard alone.

import assert from "node:assert/strict";

/** Presses and types where a mouse points. */
export class Mouse {
  constructor(page) {
    this.page = page;
  }

  press(thing) {
    return thing.click();
  }

  type(field, text) {
    return field.fill(text);
  }
}

/** So many stops of Tab are on no screen; who needs more is lost. */
const maxStops = 150;

/** Goes from one thing to the next by Tab, and sees where it is. */
export class Keyboard {
  constructor(page) {
    this.page = page;
  }

  async press(thing) {
    await this.#reach(thing);
    await this.page.tab.keyboard.press("Enter");
  }

  async type(field, text) {
    await this.#reach(field);
    await this.page.tab.keyboard.press("ControlOrMeta+A");
    await this.page.tab.keyboard.type(text);
  }

  async #reach(thing) {
    await thing.waitFor();
    const { keyboard } = this.page.tab;
    for (let stop = 0; stop < maxStops; stop++) {
      // Undefined while it is disabled or not there; then it cannot have the focus.
      const focused = await thing.evaluate((element) => element === document.activeElement);
      if (focused) return this.#mustShow(thing);
      await keyboard.press("Tab");
    }
    assert.fail(`Tab does not lead to ${thing}`);
  }

  /** Whoever has the focus must be in sight and look different from the others. */
  async #mustShow(thing) {
    const [shown, marked] = await thing.evaluate((element) => {
      const box = element.getBoundingClientRect();
      const style = getComputedStyle(element);
      return [
        box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
        style.outlineStyle !== "none" || style.boxShadow !== "none",
      ];
    });
    assert.ok(shown, `${thing} has the focus out of sight`);
    assert.ok(marked, `${thing} does not show that it has the focus`);
  }
}
