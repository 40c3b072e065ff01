import { expect, it } from 'vitest';
import type { Room } from '../../lib/types';
import { news, remember } from './news';

const room = (r: Partial<Room>): Room => ({
  title: 'Talk', role: 'listener', caps: [], rank: 200, me: {}, people: {}, hands: [], ways: {},
  relays: { list: {} }, invites: {}, removed: {}, chat: {}, ...r,
});
const ann = { name: 'Ann', role: 'listener' as const, rank: 200 };
const say = (who: string, text: string) => ({ who, name: who, at_ms: 0, text });

it('tells of hands, messages and the stage, and not of oneself', () => {
  const before = remember(room({ people: { a: ann, b: { ...ann, stage: true }, me: ann }, hands: ['a'], chat: { '1': say('a', 'old') } }));
  const now = room({
    people: { a: { ...ann, stage: true }, b: ann, me: ann },
    hands: ['b', 'me'],
    chat: { '1': say('a', 'old'), '3': say('b', 'later'), '2': say('a', 'new'), '4': say('me', 'mine') },
  });
  expect(news(before, now, 'me')).toEqual([
    { of: 'hand', who: 'b', place: 1 },
    { of: 'message', who: 'a', text: 'new' },
    { of: 'message', who: 'b', text: 'later' },
    { of: 'stage', who: 'a', on: true },
    { of: 'stage', who: 'b', on: false },
  ]);
});

it('says nothing when nothing has happened, of who left, or of what was hidden', () => {
  const was = room({ people: { a: { ...ann, stage: true } }, hands: ['a'], chat: { '1': say('a', 'x') } });
  expect(news(remember(was), was, 'me')).toEqual([]);
  const { text: _, ...hidden } = say('b', '');
  expect(news(remember(was), room({ chat: { '2': { ...hidden, hidden_by: 'a' } } }), 'me')).toEqual([]);
});

it('of many it tells the newest', () => {
  const chat = Object.fromEntries([1, 2, 3, 4, 5].map((i) => [String(i), say('a', `line ${i}`)]));
  expect(news(remember(room({})), room({ chat }), 'me').map((n) => (n.of === 'message' ? n.text : ''))).toEqual(['line 3', 'line 4', 'line 5']);
});
