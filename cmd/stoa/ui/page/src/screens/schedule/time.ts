// The time of a meeting, between a person's calendar and the node. Pure but for
// the time zone of the machine, which is what the person means.

import type { Id, Millis, Request, Schedule } from '../../lib/types';

const minute = 60_000;

/** localText is a time as an input of type datetime-local takes it: without seconds and zone. */
export function localText(at: Millis): string {
  const zone = new Date(at).getTimezoneOffset() * minute;
  return new Date(at - zone).toISOString().slice(0, 16);
}

/** localTime reads what such an input holds; NaN for anything else. */
export function localTime(text: string): Millis {
  return new Date(text).getTime();
}

/** nextHour is the first full hour that is at least a quarter of an hour away. */
export function nextHour(now: Millis): Millis {
  const at = new Date(now + 75 * minute);
  at.setMinutes(0, 0, 0);
  return at.getTime();
}

/** How long meetings last, in minutes, as they are offered. */
export const lengths = [15, 30, 45, 60, 90, 120, 180, 240] as const;

/** nearest is the length offered that a meeting comes nearest to; of none an hour. */
export function nearest(set: Schedule | undefined): number {
  if (!set?.ends_ms) return 60;
  const long = (set.ends_ms - set.starts_ms) / minute;
  return lengths.reduce((best, m) => (Math.abs(m - long) < Math.abs(best - long) ? m : best));
}

/** requestFor is the verb that announces a meeting. Its text is one line. */
export function requestFor(room: Id, begins: Millis, minutes: number, text: string): Request {
  const about = text.replace(/\s+/g, ' ').trim();
  return { verb: 'schedule', room, args: [new Date(begins).toISOString(), ...(about ? [about] : [])], for: `${minutes}m` };
}
