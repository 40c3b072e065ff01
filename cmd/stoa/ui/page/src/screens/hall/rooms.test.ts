import { expect, test } from 'vitest';
import type { Person, Room } from '../../lib/types';
import { coming, keptRooms, onStage, told, within } from './rooms';

function room(of: Partial<Room>): Room {
  return {
    title: 'T', role: 'listener', caps: [], rank: 0, me: {}, people: {}, hands: [], ways: {},
    relays: { list: {} }, invites: {}, removed: {}, chat: {}, ...of,
  };
}

test('kept rooms: pinned first, then the latest, without those that one is in', () => {
  const kept = {
    old: { title: 'O', last_ms: 1 }, new: { title: 'N', last_ms: 9 },
    pin: { title: 'P', last_ms: 0, pinned: true }, here: { title: 'H', last_ms: 99 }, gone: { title: 'G', last_ms: 50, ended: true },
  };
  const rooms = { here: room({}), gone: room({ gone: { code: 'room_ended', text: '' } }) };
  expect(keptRooms({ kept, rooms }).map((r) => r.id)).toEqual(['pin', 'gone', 'new', 'old']);
  expect(within({ rooms }).map(([id]) => id)).toEqual(['here']);
});

test('meetings: what a room says itself counts, and what is past or over does not', () => {
  const view = {
    kept: {
      later: { title: 'Later', starts_ms: 300 }, past: { title: 'Past', starts_ms: 99 },
      ended: { title: 'Ended', starts_ms: 400, ended: true }, moved: { title: 'Moved', starts_ms: 150 }, off: { title: 'Off', starts_ms: 500 },
    },
    rooms: {
      moved: room({ title: 'Moved', schedule: { starts_ms: 200, text: 'bring tea' } }),
      off: room({}),
      out: room({ schedule: { starts_ms: 250 }, gone: { code: 'banned', text: '' } }),
    },
  };
  expect(coming(view, 100)).toEqual([
    { id: 'moved', title: 'Moved', starts_ms: 200, text: 'bring tea' },
    { id: 'later', title: 'Later', starts_ms: 300, text: '' },
  ]);
});

test('the stage: open microphones first, then rank', () => {
  const who = (of: Partial<Person>): Person => ({ name: '', role: 'speaker', rank: 1, stage: true, ...of });
  const people = { quiet: who({ rank: 9 }), live: who({ mic: true, speaks: true }), muted: who({ mic: true, rank: 2 }), below: who({ stage: false }) };
  expect(onStage(room({ people })).map(([id]) => id)).toEqual(['live', 'quiet', 'muted']);
});

test('what happened is told: rooms that are gone, then notices, the newest first', () => {
  const notice = (code: string, at_ms: number) => ({ code, text: '', at_ms });
  const view = {
    rooms: { in: room({}), out: room({ gone: { code: 'kicked', text: '' } }) },
    notices: { 3: notice('clock_wrong', 30), 7: { ...notice('begins_now', 70), room: 'in' } },
  };
  expect(told(view).map(({ seen, problem, room }) => [seen, problem.code, room])).toEqual([
    ['out', 'kicked', 'out'],
    ['7', 'begins_now', 'in'],
    ['3', 'clock_wrong', undefined],
  ]);
});
