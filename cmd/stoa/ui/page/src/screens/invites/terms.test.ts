import { describe, expect, test } from 'vitest';
import type { Cap, Invite } from '../../lib/types';
import { counting, firstChoice, listed, mayGive, termsOf } from './terms';

describe('termsOf', () => {
  test.each([
    ['nothing but what was chosen', firstChoice, { role: 'listener', expires: '24h' }],
    ['uses and a person', { ...firstChoice, role: 'speaker', uses: 3, forWhom: ' ab12 ' } as const, { role: 'speaker', expires: '24h', uses: 3, for: 'ab12' }],
    ['slots for a relay alone', { ...firstChoice, role: 'relay', expires: 'never', slots: 200 } as const, { role: 'relay', expires: 'never', slots: 200 }],
  ])('%s', (_, choice, terms) => expect(termsOf(choice)).toEqual(terms));
});

test.each([
  ['listener', 'about'],
  ['relay', 'about'],
  ['speaker', 'exact'],
  ['moderator', 'exact'],
] as const)('the uses of a link for a %s are counted: %s', (role, how) => expect(counting({ role })).toBe(how));

test('links that open the room come first, those that end sooner before others', () => {
  const link = (state: Invite['state'], expires_ms?: number): Invite => ({ role: 'listener', link: 'stoa:j/x', state, ...(expires_ms ? { expires_ms } : {}) });
  const { open, over } = listed({ d: link('open'), b: link('open', 9), c: link('revoked', 3), a: link('open', 9), e: link('expired', 7) });
  expect(open.map((i) => i.name)).toEqual(['a', 'b', 'd']);
  expect(over.map((i) => i.name)).toEqual(['e', 'c']);
});

test('nobody gives by a link what they do not have', () => {
  const moderates: Cap[] = ['hear', 'speak', 'invite', 'mute', 'stage', 'kick', 'ban', 'lock', 'title', 'relay'];
  expect(mayGive({ rank: 0, caps: [...moderates, 'end'] })).toEqual(['listener', 'speaker', 'moderator', 'relay']);
  expect(mayGive({ rank: 10, caps: moderates })).toEqual(['listener', 'speaker', 'relay']);
  expect(mayGive({ rank: 20, caps: ['hear', 'invite'] })).toEqual(['listener']);
  expect(mayGive({ rank: 100, caps: ['hear', 'speak'] })).toEqual([]);
});
