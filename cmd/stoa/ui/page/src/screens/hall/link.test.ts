import { expect, test } from 'vitest';
import { linkIn } from './link';

test.each([
  ['stoa:j/AQx3_-9', 'stoa:j/AQx3_-9'],
  ['  Come by tonight: stoa:j/AQx3. It will be fun', 'stoa:j/AQx3'],
  ['<stoa:j/AQx3>', 'stoa:j/AQx3'],
  ['stoa://j/AQx3', 'stoa:j/AQx3'],
  ['stoa:j/AQx3aaaa\nBBBBcccc-D\nEEEEffff', 'stoa:j/AQx3aaaaBBBBcccc-DEEEEffff'],
  ['stoa:j/AQx3\nsee you there', 'stoa:j/AQx3'],
  ['stoa:j/', undefined],
  ['https://example.org/j/AQx3', undefined],
  ['', undefined],
])('in %j there is %s', (text, link) => expect(linkIn(text)).toBe(link));
