import { expect, it } from 'vitest';
import { pause, silence } from './patience';

it('pauses grow to a bound', () => {
  const pauses = Array.from({ length: 12 }, (_, n) => pause(n, () => 0.5));
  expect(pauses.slice(0, 6)).toEqual([250, 500, 1000, 2000, 4000, 5000]);
  expect(new Set(pauses.slice(5))).toEqual(new Set([5000]));
});

it('pauses differ by a quarter either way', () => {
  expect([pause(2, () => 0), pause(2, () => 1)]).toEqual([750, 1250]);
});

it('a node that hangs is noticed within 2 s, and one tick may be late', () => {
  expect(silence).toBeLessThan(2000);
  expect(silence).toBeGreaterThan(1500);
});
