import { expect, it } from 'vitest';
import { hueOf, initials } from './colour';

it.each([
  ['Ann', 'A'],
  ['Ann  Lee', 'AL'],
  ['ann van der berg', 'AB'],
  ['👩🏽‍🚀 Sally', '👩🏽‍🚀S'],
  ['éa', 'É'],
  ['', 'XA'],
  ['   ', 'XA'],
])('%s has the initials %s', (name, want) => {
  expect(initials(name, 'xaxglow2')).toBe(want);
});

it('hues are spread evenly over many keys', () => {
  const twelfths = new Array<number>(12).fill(0);
  for (let i = 0; i < 12_000; i++) twelfths[Math.floor(hueOf(`key${i.toString(36)}`) / 30)]! += 1;
  for (const count of twelfths) expect(Math.abs(count - 1000)).toBeLessThan(200);
});
