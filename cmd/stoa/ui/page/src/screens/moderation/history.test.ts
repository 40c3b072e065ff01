import { expect, test } from 'vitest';
import { byDay, sentenceFor, type Entry } from './history';

const entry = (op: string, at: string, kind = 'mute'): Entry => ({ op, at_ms: new Date(at).getTime(), author: 'A', kind, valid: true });

test('each day has its entries, the newest first', () => {
  const days = byDay([entry('a', '2026-11-22T23:59'), entry('c', '2026-11-23T11:00'), entry('b', '2026-11-23T10:00')], false);
  expect(days.map((d) => d.entries.map((e) => e.op))).toEqual([['c', 'b'], ['a']]);
  expect(days[0]?.at_ms).toBe(new Date('2026-11-23T11:00').getTime());
});

test('what nobody has decided is shown only when all is wanted', () => {
  const entries = [entry('k', '2026-11-23T10:00', 'kick'), entry('e', '2026-11-23T10:00', 'epoch'), entry('r', '2026-11-23T10:00', 'advert'), entry('m', '2026-11-23T10:00', 'audit')];
  expect(byDay(entries, false).flatMap((d) => d.entries.map((e) => e.op))).toEqual(['k']);
  expect(byDay(entries, true).flatMap((d) => d.entries)).toHaveLength(4);
});

test.each([
  [{ kind: 'kick' }, 'log.kick'],
  [{ kind: 'lower' }, 'log.lower'],
  [{ kind: 'title' }, 'log.title-set'],
  [{ kind: 'schedule', starts_ms: 1 }, 'log.schedule'],
  [{ kind: 'schedule' }, 'log.schedule.off'],
  [{ kind: 'record', yes: true }, 'log.record'],
  [{ kind: 'consent' }, 'log.consent.no'],
  [{ kind: 'dance' }, 'log.unknown'],
])('%j is told by %s', (of, key) => expect(sentenceFor({ ...entry('x', '2026-11-23T10:00'), ...of })).toBe(key));
