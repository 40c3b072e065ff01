// Reactions that float over the room for a moment.

import type { Reaction } from './types';

const lasts = 4000; // ms
const most = 40; // at once; a crowd that claps is not counted

export const floating: (Reaction & { n: number })[] = $state([]);

let count = 0;

/** react lets one float. When there are too many the oldest goes. */
export function react(r: Reaction): void {
  const n = ++count;
  if (floating.length >= most) floating.shift();
  floating.push({ ...r, n });
  setTimeout(() => {
    const i = floating.findIndex((f) => f.n === n);
    if (i >= 0) floating.splice(i, 1);
  }, lasts);
}
