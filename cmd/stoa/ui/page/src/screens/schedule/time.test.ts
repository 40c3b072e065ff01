import { expect, test } from 'vitest';
import { localText, localTime, nearest, nextHour, requestFor } from './time';

test('a time goes into an input and comes back', () => {
  for (const at of [Date.UTC(2026, 0, 31, 23, 30), Date.UTC(2026, 6, 1, 0, 0)]) expect(localTime(localText(at))).toBe(at);
  expect(localTime('soon')).toBeNaN();
});

test.each([
  ['2026-11-23T14:00', '2026-11-23T15:00'],
  ['2026-11-23T14:45', '2026-11-23T16:00'],
  ['2026-11-23T14:44', '2026-11-23T15:00'],
  ['2026-12-31T23:50', '2027-01-01T01:00'],
])('at %s the next full hour is %s', (now, then) => {
  expect(localText(nextHour(localTime(now)))).toBe(then);
});

test.each([
  [undefined, 60],
  [{ starts_ms: 0 }, 60],
  [{ starts_ms: 0, ends_ms: 50 * 60_000 }, 45],
  [{ starts_ms: 0, ends_ms: 9 * 60 * 60_000 }, 240],
])('the length offered for %j is %s minutes', (set, minutes) => expect(nearest(set)).toBe(minutes));

test('the verb has the time with its zone, and a text of one line', () => {
  const at = Date.UTC(2026, 10, 24, 11, 0);
  expect(requestFor('R', at, 90, ' Bring\n tea ')).toEqual({ verb: 'schedule', room: 'R', args: ['2026-11-24T11:00:00.000Z', 'Bring tea'], for: '90m' });
  expect(requestFor('R', at, 15, ' ').args).toEqual(['2026-11-24T11:00:00.000Z']);
});
