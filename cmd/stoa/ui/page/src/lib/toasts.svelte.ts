// What the page says in passing: that something was done, or why it was not.

import { Failure } from './api';
import { problem } from './i18n.svelte';

export interface Toast {
  n: number;
  text: string;
  hint: string;
  bad: boolean;
}

const lasts = 8000; // ms; a failure stays until it is dismissed or three newer ones are there
const most = 3;

export const toasts: Toast[] = $state([]);

let count = 0;

/** say shows a sentence for a while. */
export function say(text: string, hint = '', bad = false): void {
  const n = ++count;
  if (toasts.length >= most) toasts.shift();
  toasts.push({ n, text, hint, bad });
  if (!bad) setTimeout(() => dismiss(n), lasts);
}

export function dismiss(n: number): void {
  const i = toasts.findIndex((t) => t.n === n);
  if (i >= 0) toasts.splice(i, 1);
}

/** attempt does something and shows why it failed. It tells whether it did not. */
export async function attempt(action: () => unknown): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (e) {
    if (!(e instanceof Failure)) throw e;
    const { text, hint } = problem(e.problem);
    say(text, hint, true);
    return false;
  }
}
