// What has happened in a room that a screen reader should tell of: pure, of what
// was and what is.

import type { Id, Room } from '../../lib/types';

export type News = { of: 'hand'; who: Id; place: number } | { of: 'message'; who: Id; text: string } | { of: 'stage'; who: Id; on: boolean };

/** What of a room is looked at, so small that it can be kept. */
export interface Before {
  hands: Id[];
  stage: Id[];
  newest: string; // key of a message
}

export const remember = (room: Room): Before => ({
  hands: [...room.hands],
  stage: Object.entries(room.people).flatMap(([id, p]) => (p.stage ? [id] : [])),
  newest: Object.keys(room.chat).reduce((a, b) => (a > b ? a : b), ''),
});

const most = 3; // of a kind: whoever listens to more hears nothing else

/** news is what has happened since, to others than oneself, the newest of each kind. */
export function news(before: Before, room: Room, me: Id): News[] {
  const now = remember(room);
  const hands = now.hands.flatMap((who, i): News[] =>
    who === me || before.hands.includes(who) ? [] : [{ of: 'hand', who, place: i + 1 }],
  );
  const messages = Object.entries(room.chat)
    .filter(([key, m]) => key > before.newest && m.who !== me && m.text)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, m]): News => ({ of: 'message', who: m.who, text: m.text ?? '' }));
  const came = now.stage.filter((who) => !before.stage.includes(who)).map((who): News => ({ of: 'stage', who, on: true }));
  const went = before.stage.filter((who) => !now.stage.includes(who) && who in room.people).map((who): News => ({ of: 'stage', who, on: false }));
  return [hands, messages, [...came, ...went]].flatMap((kind) => kind.slice(-most));
}
