// Which rooms the hallway shows, and in which order. Pure.

import type { Id, KeptRoom, Millis, Person, Problem, Room, View } from '../../lib/types';

/** A room that is open to everybody, as the verb `find` tells of it. */
export interface PublicRoom {
  room: Id;
  title: string;
  topic?: string;
  lang?: string;
  stage: string[]; // names
  people: number;
  starts_ms?: Millis; // of the next meeting
  link: string;
}

export interface Found {
  rooms: PublicRoom[];
  more?: boolean; // more may turn up
}

export interface Kept extends KeptRoom {
  id: Id;
}

/** A meeting that has been announced, in a room that one is in or has been in. */
export interface Coming {
  id: Id;
  title: string;
  starts_ms: Millis;
  text: string;
}

/** within are the rooms that one is in. One that has put this person out, or has ended, is told of once and is none of them. */
export const within = (view: Pick<View, 'rooms'>): [Id, Room][] => Object.entries(view.rooms).filter(([, room]) => !room.gone);

/** keptRooms are those to go back into: pinned ones first, then the one last heard of. */
export function keptRooms(view: Pick<View, 'rooms' | 'kept'>): Kept[] {
  const kept = Object.entries(view.kept).map(([id, room]) => ({ ...room, id }));
  return kept
    .filter((room) => !view.rooms[room.id] || view.rooms[room.id]?.gone)
    .sort((a, b) => Number(b.pinned ?? false) - Number(a.pinned ?? false) || (b.last_ms ?? 0) - (a.last_ms ?? 0) || (a.id < b.id ? -1 : 1));
}

/** coming are the meetings that have not begun yet, the next one first. */
export function coming(view: Pick<View, 'rooms' | 'kept'>, now: Millis): Coming[] {
  const found = new Map<Id, Coming>();
  for (const [id, room] of Object.entries(view.kept)) {
    if (room.starts_ms && !room.ended) found.set(id, { id, title: room.title, starts_ms: room.starts_ms, text: '' });
  }
  for (const [id, room] of Object.entries(view.rooms)) {
    if (room.gone) continue;
    if (room.schedule) found.set(id, { id, title: room.title, starts_ms: room.schedule.starts_ms, text: room.schedule.text ?? '' });
    else found.delete(id); // called off since
  }
  return [...found.values()].filter((c) => c.starts_ms > now).sort((a, b) => a.starts_ms - b.starts_ms);
}

/** here is how many people are in a room: those whom one knows of, and those who listen by relays. */
export const here = (room: Room): number => Object.keys(room.people).length + (room.audience ?? 0);

/** onStage are the people on a room's stage: those whose microphone is open first. */
export function onStage(room: Room): [Id, Person][] {
  const live = ([, p]: [Id, Person]) => Number((p.mic ?? false) && (p.speaks ?? false));
  return Object.entries(room.people)
    .filter(([, p]) => p.stage)
    .sort((a, b) => live(b) - live(a) || b[1].rank - a[1].rank || (a[0] < b[0] ? -1 : 1));
}

/** Something that one should know until one has seen it. */
export interface Told {
  seen: string; // what the verb `seen` takes
  problem: Problem;
  room?: Id;
}

/** told is what has happened: rooms that one is in no more, then notices, the newest first. */
export function told(view: Pick<View, 'rooms' | 'notices'>): Told[] {
  const gone = Object.entries(view.rooms).flatMap(([room, { gone }]) => (gone ? [{ seen: room, problem: gone, room }] : []));
  const notices = Object.entries(view.notices)
    .sort(([, a], [, b]) => b.at_ms - a.at_ms)
    .map(([seen, notice]) => ({ seen, problem: notice, ...(notice.room ? { room: notice.room } : {}) }));
  return [...gone, ...notices];
}
