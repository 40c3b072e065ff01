import { expect, test } from 'vitest';
import { outline } from './qr';

test('the outline has every dark module once and no light one', () => {
  const rows = ['1101', '0000', '1111', '0110'];
  const drawn = rows.map((row) => Array.from(row, () => 0));
  for (const [, x, y, width] of outline(rows).matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    for (let i = 0; i < Number(width); i++) drawn[Number(y)]![Number(x) + i]! += 1;
  }
  expect(drawn.map((row) => row.join(''))).toEqual(rows);
});

test('nothing is drawn of nothing', () => {
  expect(outline([])).toBe('');
  expect(outline(['000'])).toBe('');
});
