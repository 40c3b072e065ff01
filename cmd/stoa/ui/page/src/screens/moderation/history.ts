// The signed history of a room, as the verb `log` tells it. Pure.

import type { Id, Millis, Role } from '../../lib/types';

export interface Entry {
  op: string;
  at_ms: Millis; // as its author claims
  author: Id;
  kind: string;
  target?: Id;
  by?: string; // the author's name, where it is known now
  whom?: string; // the target's
  text?: string; // the rest, in English
  role?: Role; // admit, grant
  reason?: string; // kick, ban
  title?: string; // title
  link?: string; // the link that it closes
  slots?: number; // advert
  kbps?: number; // audit
  valid: boolean;
  why?: string; // it is void
}

export interface History {
  entries: Entry[];
  damaged: number; // records that could not be verified, and are not among the entries
  root: string; // name of the state that follows from all of them
}

// What keeps a room going and nobody has decided.
const technical = new Set(['epoch', 'advert', 'audit']);

export interface Day {
  day: string; // in the machine's time zone, as Date.toDateString
  at_ms: Millis; // of its newest entry
  entries: Entry[];
}

/** byDay are the entries of each day, the newest first; without what nobody decided unless all is wanted. */
export function byDay(entries: readonly Entry[], all: boolean): Day[] {
  const shown = entries.filter((e) => all || !technical.has(e.kind)).toSorted((a, b) => b.at_ms - a.at_ms);
  const days: Day[] = [];
  for (const entry of shown) {
    const day = new Date(entry.at_ms).toDateString();
    const last = days.at(-1);
    if (last?.day === day) last.entries.push(entry);
    else days.push({ day, at_ms: entry.at_ms, entries: [entry] });
  }
  return days;
}
