import { expect, it } from 'vitest';
import { href, parse } from './router.svelte';

it.each([
  ['', []],
  ['#', []],
  ['#/', []],
  ['#token=abc', []],
  ['#/settings', ['settings']],
  ['#/room/abc/invites', ['room', 'abc', 'invites']],
  ['#/preview/%zz', ['preview', '%zz']],
])('%s is %j', (hash, words) => {
  expect(parse(hash)).toEqual(words);
});

it('an address holds any word', () => {
  const link = 'stoa:j/AQE-P6 eB?#%/ü';
  expect(parse(href('preview', link))).toEqual(['preview', link]);
});
