// What can be done to a person of a room, as requests. Pure.

import type { Id, Request } from '../../lib/types';

/** mute and unmute are a moderator's; down is off the stage; block is for oneself alone. */
export type Act = 'mute' | 'unmute' | 'down' | 'kick' | 'ban' | 'pardon' | 'block' | 'unblock';

export interface Deed {
  room: Id;
  person: Id;
  what: Act;
  reason: string;
  keepLink: boolean;
}

/** requestFor is the verb that does it. */
export function requestFor({ room, person, what, reason, keepLink }: Deed): Request {
  const why = reason.trim() ? { reason: reason.trim() } : {};
  switch (what) {
    case 'down':
      return { verb: 'stage', room, args: ['drop', person] };
    case 'kick':
    case 'ban':
      return { verb: what, room, args: [person], ...why, ...(keepLink ? { keep_link: true } : {}) };
    case 'block':
      return { verb: what, args: [person], ...why };
    case 'unblock':
      return { verb: what, args: [person] };
    default:
      return { verb: what, room, args: [person] };
  }
}
