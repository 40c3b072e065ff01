// The signed history of a room, as the verb `log` tells it. Pure.

import type { Key } from '../../lib/i18n.svelte';
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
  starts_ms?: Millis; // schedule; absent: called off
  yes?: boolean; // record: it begins; consent: given
  valid: boolean;
  void?: 'shut_out' | 'used_up' | 'locked' | 'outranked' | 'grant_void' | 'grant_ended'; // why it is
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

const sentences: Record<string, Key> = {
  admit: 'log.admit',
  grant: 'log.grant',
  revoke: 'log.revoke',
  lower: 'log.lower',
  mute: 'log.mute',
  unmute: 'log.unmute',
  kick: 'log.kick',
  ban: 'log.ban',
  pardon: 'log.pardon',
  lock: 'log.lock',
  unlock: 'log.unlock',
  title: 'log.title-set',
  epoch: 'log.epoch',
  close: 'log.close',
  advert: 'log.advert',
  audit: 'log.audit',
};

/** sentenceFor is the sentence that tells an entry; of a kind that this page does not know a plain one. */
export function sentenceFor(e: Entry): Key {
  switch (e.kind) {
    case 'schedule':
      return e.starts_ms ? 'log.schedule' : 'log.schedule.off';
    case 'record':
      return e.yes ? 'log.record' : 'log.record.off';
    case 'consent':
      return e.yes ? 'log.consent' : 'log.consent.no';
    default:
      return sentences[e.kind] ?? 'log.unknown';
  }
}
