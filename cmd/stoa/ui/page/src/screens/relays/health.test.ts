import { expect, test } from 'vitest';
import { healthOf, share, wayHealth } from './health';

test.each([
  [undefined, undefined, 'unknown'],
  [0, undefined, 'good'],
  [0.02, 40, 'good'],
  [0.03, 40, 'fair'],
  [0, 250, 'fair'],
  [0.1, 40, 'poor'],
  [0, 600, 'poor'],
  [undefined, 20, 'good'],
] as const)('loss %s and %s ms there and back are %s', (loss, rtt, health) => {
  expect(healthOf(loss, rtt)).toBe(health);
});

test('a way is as good as its worse direction', () => {
  expect(wayHealth({ way: 'direct', loss_in: 0, loss_out: 0.2, rtt_ms: 10 })).toBe('poor');
  expect(wayHealth({ way: 'direct', rtt_ms: 10 })).toBe('good');
  expect(wayHealth({ way: 'relay' })).toBe('unknown');
  expect(wayHealth({ way: 'none', loss_in: 0, rtt_ms: 10 })).toBe('poor');
});

test('a relay is as full as it says, and never fuller than full', () => {
  expect(share({ carries: 16, slots: 64 })).toBe(0.25);
  expect(share({ carries: 80, slots: 64 })).toBe(1);
  expect(share({ carries: 3 })).toBe(0);
});
