// What axe-core finds on a page: people who cannot see, or not well, or use no mouse.

import axe from "axe-core";

/** Fails when there is something serious or critical on the page as it is now. */
export async function audit(page, where) {
  // Through the debugger: the page's own policy lets nobody add a script.
  if (!(await page.tab.evaluate(() => "axe" in globalThis))) await page.tab.evaluate(axe.source);
  const violations = await page.tab.evaluate(async () => {
    for (const animation of document.getAnimations()) {
      // What is half faded in has no contrast yet.
      if (Number.isFinite(animation.effect?.getComputedTiming().endTime)) animation.finish();
    }
    return (await globalThis.axe.run(document, { resultTypes: ["violations"] })).violations;
  });
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  if (grave.length === 0) return;
  const lines = grave.flatMap(({ id, help, nodes }) => [
    `${id}: ${help}, ${nodes.length} times, as in`,
    ...nodes.slice(0, 3).map(({ html, failureSummary }) => `    ${html}\n    ${failureSummary.replaceAll("\n", " ")}`),
  ]);
  throw new Error(`axe on ${where}:\n${lines.join("\n")}`);
}
