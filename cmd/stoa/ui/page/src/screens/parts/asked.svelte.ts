// Things that a person asks the node for: under way, refused and why, or here.

import { act, Failure } from '../../lib/api';
import type { Problem, Request } from '../../lib/types';

/** Something to be done, of which one is told in its place and not in passing. */
export class Deed {
  busy = $state(false);
  problem: Problem | undefined = $state();

  #latest = 0;

  /** run does it, and tells whether it is done. Of several under way only the last one counts. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    const mine = ++this.#latest;
    this.busy = true;
    this.problem = undefined;
    let wrong: Problem | undefined;
    try {
      await work();
    } catch (e) {
      if (!(e instanceof Failure)) throw e;
      wrong = e.problem;
    }
    if (mine !== this.#latest) return false;
    this.busy = false;
    this.problem = wrong;
    return wrong === undefined;
  }
}

/** Something to be known: value is what the last answer held. */
export class Asked<T> extends Deed {
  value: T | undefined = $state.raw();

  async ask(request: Request): Promise<void> {
    let answer: unknown;
    if (await this.run(async () => (answer = (await act(request)).data))) this.value = answer as T;
  }
}
