// What the room screen decides: pure, of what the node tells.

import type { Cap, Id, MyPlace, Person, Room, Sound } from '../../lib/types';

/**
 * What one's own microphone does, in the words of whoever wants to be sure:
 * live: others hear it. opening: it is on, and is not heard yet. ready: heard
 * while a key is held. held: not heard, because a key is. off: turned off. muted:
 * by a moderator. none: there is no microphone. audience: one is not on the stage.
 */
export type MicState = 'live' | 'opening' | 'ready' | 'held' | 'off' | 'muted' | 'none' | 'audience';

export function micOf(me: MyPlace, sound: Sound): MicState {
  if (!me.stage) return 'audience';
  if (me.muted) return 'muted';
  if (me.live) return 'live'; // whatever else is said: somebody hears it
  if (sound.mic.state === 'none') return 'none';
  if (!me.mic) return 'off';
  if (sound.talk === 'push') return 'ready';
  return sound.talk === 'push-to-mute' && sound.pushing ? 'held' : 'opening';
}

/** mayOn says whether one may do to somebody what a capability is for: only to those of lower rank. */
export function mayOn(room: Room, me: Id, id: Id, who: Person, cap: Cap): boolean {
  return id !== me && room.caps.includes(cap) && room.rank < who.rank;
}

/**
 * seats parts those who are here into the stage, in an order that changes only
 * when somebody comes, goes or is given a role or a name, and the audience,
 * oneself first.
 */
export function seats(people: Record<Id, Person>, me: Id, name: (id: Id) => string, collator: Intl.Collator): { stage: Id[]; audience: Id[] } {
  const all = Object.entries(people).map(([id, p]) => ({ id, stage: p.stage, rank: p.rank, name: name(id), mine: Number(id === me) }));
  type Seat = (typeof all)[number];
  const order = (a: Seat, b: Seat) => a.rank - b.rank || collator.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
  return {
    stage: all.filter((p) => p.stage).sort(order).map((p) => p.id),
    audience: all.filter((p) => !p.stage).sort((a, b) => b.mine - a.mine || order(a, b)).map((p) => p.id),
  };
}

/** sought is who has the letters in a name of theirs, or begins with them in their key. */
export function sought(ids: Id[], people: Record<Id, Person>, letters: string): Id[] {
  const want = letters.trim().toLocaleLowerCase();
  if (!want) return ids;
  const named = (p: Person | undefined) => [p?.name, p?.petname].some((name) => name?.toLocaleLowerCase().includes(want));
  return ids.filter((id) => named(people[id]) || id.startsWith(want));
}

/** present is how many are here, with those whom only relays know. */
export const present = (room: Room): number => Object.keys(room.people).length + (room.audience ?? 0);

/**
 * What may be said of who hears this person, and whom they hear, as counts and
 * names. No claim is made before anything was said.
 */
export interface Hearing {
  spoken: boolean;
  heard: number; // people at whom the voice comes
  deafTo: Id[]; // at whom it does not, though it should
  silent: Id[]; // whom one should hear and does not
  noLoudspeaker: Id[];
  loudspeaker: boolean; // what comes is played here
}

export function hearing(room: Room): Hearing {
  const a = room.audible ?? {};
  return {
    spoken: a.spoken ?? false,
    heard: (a.heard ?? 0) + (a.behind_relays ?? 0),
    deafTo: a.not ?? [],
    silent: (a.unheard ?? []).map((s) => s.who),
    noLoudspeaker: a.no_loudspeaker ?? [],
    loudspeaker: a.loudspeaker ?? true,
  };
}

export type Quality = 'good' | 'fair' | 'poor' | 'none';

/** quality is how well a way carries a voice: shares lost above which speech is seen to suffer in `make lines`. */
export function quality(way: { way: string; loss_in?: number; loss_out?: number; rtt_ms?: number } | undefined): Quality {
  if (!way || way.way === 'none' || way.way === '') return 'none';
  const loss = Math.max(way.loss_in ?? 0, way.loss_out ?? 0);
  const rtt = way.rtt_ms ?? 0;
  if (loss > 0.15 || rtt > 600) return 'poor';
  return loss > 0.05 || rtt > 300 ? 'fair' : 'good';
}
