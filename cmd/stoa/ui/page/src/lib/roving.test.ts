import { expect, it } from 'vitest';
import { step } from './roving';

// 0 1 2
// 3 4
const grid = [0, 1, 2, 3, 4].map((i) => ({ left: (i % 3) * 10, top: Math.floor(i / 3) * 10 }));

it.each<[number, string, number | undefined]>([
  [0, 'ArrowRight', 1],
  [2, 'ArrowRight', 3],
  [4, 'ArrowRight', 4],
  [3, 'ArrowLeft', 2],
  [0, 'ArrowLeft', 0],
  [1, 'ArrowDown', 4],
  [2, 'ArrowDown', 4],
  [4, 'ArrowDown', 4],
  [4, 'ArrowUp', 1],
  [1, 'ArrowUp', 1],
  [3, 'Home', 0],
  [0, 'End', 4],
  [0, 'a', undefined],
  [9, 'Home', undefined],
])('from %i by %s to %s', (from, key, want) => expect(step(grid, from, key)).toBe(want));

it('goes the other way where one reads from the right', () => {
  expect(step(grid, 1, 'ArrowRight', true)).toBe(0);
});
