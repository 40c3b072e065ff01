import { describe, expect, it } from 'vitest';
import type { MyPlace, Person, Room, Sound } from '../../lib/types';
import { hearing, mayOn, micOf, present, quality, seats, sought } from './room';

const sound = (s: Partial<Sound> = {}): Sound => ({
  mic: { name: 'mic', state: 'used' },
  speaker: { name: 'speaker', state: 'used' },
  talk: 'open',
  switches: {},
  ...s,
});

const none = sound({ mic: { name: '', state: 'none' } });
const push = sound({ talk: 'push' });

describe('micOf', () => {
  it.each<[string, MyPlace, Sound, string]>([
    ['nobody hears a listener', {}, sound(), 'audience'],
    ['not even one whom a moderator has muted', { muted: true }, sound(), 'audience'],
    ['the microphone is off', { stage: true }, sound(), 'off'],
    ['live', { stage: true, mic: true, live: true }, sound(), 'live'],
    ['a moderator wins over the switch', { stage: true, mic: true, muted: true }, sound(), 'muted'],
    ['and over a missing microphone', { stage: true, muted: true }, none, 'muted'],
    ['there is no microphone', { stage: true, mic: true }, none, 'none'],
    ['the key is up', { stage: true, mic: true }, push, 'ready'],
    ['the key is down', { stage: true, mic: true, live: true }, sound({ talk: 'push', pushing: true }), 'live'],
    ['off, whatever the key does', { stage: true }, sound({ talk: 'push', pushing: true }), 'off'],
    ['the key keeps quiet', { stage: true, mic: true }, sound({ talk: 'push-to-mute', pushing: true }), 'held'],
    ['on, and not heard yet', { stage: true, mic: true }, sound(), 'opening'],
    ['live is said whenever somebody hears', { stage: true, live: true }, none, 'live'],
  ])('%s', (_, me, s, want) => expect(micOf(me, s)).toBe(want));
});

const person = (p: Partial<Person> = {}): Person => ({ name: 'Ann', role: 'listener', rank: 200, ...p });
const room = (r: Partial<Room> = {}): Room => ({
  title: 'Talk', role: 'moderator', caps: ['hear', 'mute'], rank: 10, me: {}, people: {}, hands: [], ways: {},
  relays: { list: {} }, invites: {}, removed: {}, chat: {}, ...r,
});

describe('mayOn', () => {
  it.each<[string, string, Person, 'mute' | 'ban', boolean]>([
    ['those of lower rank', 'b', person(), 'mute', true],
    ['not without the capability', 'b', person(), 'ban', false],
    ['not one’s equals', 'b', person({ rank: 10 }), 'mute', false],
    ['not an owner', 'b', person({ rank: 0 }), 'mute', false],
    ['not oneself', 'me', person(), 'mute', false],
  ])('%s', (_, id, who, cap, want) => expect(mayOn(room(), 'me', id, who, cap)).toBe(want));
});

describe('seats', () => {
  const people: Record<string, Person> = {
    z: person({ name: 'Zoe', stage: true, rank: 0 }),
    b: person({ name: 'Ben', stage: true, rank: 100 }),
    a: person({ name: 'ann', stage: true, rank: 100 }),
    d: person({ name: 'Cid' }),
    c: person({ name: 'Cid' }),
    me: person({ name: 'Zed' }),
  };
  const { stage, audience } = seats(people, 'me', (id) => people[id]!.name, new Intl.Collator('en'));
  it('puts the stage by rank and name', () => expect(stage).toEqual(['z', 'a', 'b']));
  it('puts oneself before the audience', () => expect(audience).toEqual(['me', 'c', 'd']));
});

it.each([
  ['', ['k1', 'k2']],
  [' ÉM ', ['k2']],
  ['k1', ['k1']],
  ['mum', ['k1']],
  ['nobody', []],
])('a search for %j finds %j', (letters, want) => {
  const people = { k1: person({ name: 'Ben', petname: 'Mum' }), k2: person({ name: 'Émile' }) };
  expect(sought(Object.keys(people), people, letters)).toEqual(want);
});

it('counts those whom only relays know', () => expect(present(room({ people: { a: person() }, audience: 400 }))).toBe(401));

it('claims nothing that the node does not say', () => {
  expect(hearing(room())).toEqual({ spoken: false, heard: 0, deafTo: [], silent: [], noLoudspeaker: [], loudspeaker: true });
  const audible = { spoken: true, heard: 3, behind_relays: 40, not: ['b'], unheard: [{ who: 'c' }], loudspeaker: false };
  expect(hearing(room({ audible }))).toEqual({ spoken: true, heard: 43, deafTo: ['b'], silent: ['c'], noLoudspeaker: [], loudspeaker: false });
});

it.each([
  [undefined, 'none'],
  [{ way: 'none' }, 'none'],
  [{ way: 'direct', rtt_ms: 20 }, 'good'],
  [{ way: 'relay', loss_in: 0.06 }, 'fair'],
  [{ way: 'relay', rtt_ms: 301 }, 'fair'],
  [{ way: 'tcp', loss_out: 0.2 }, 'poor'],
])('the way %o is %s', (way, want) => expect(quality(way)).toBe(want));
