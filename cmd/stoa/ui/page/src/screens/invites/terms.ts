// The terms of a link: what a person chooses of them, and the order in which
// links are listed. Pure.

import type { Cap, Invite, LinkRole, Request, Room } from '../../lib/types';

/** The roles that a link can give, the smallest first. */
export const linkRoles = ['listener', 'speaker', 'moderator', 'relay'] as const satisfies readonly LinkRole[];

/** For how long a link can open the room, in the words of the verb `invite`. */
export const lifetimes = ['1h', '24h', '168h', '720h', 'never'] as const;
export type Lifetime = (typeof lifetimes)[number];

/** How many people may come by a link, and how many listeners a relay may carry, as they are offered; 0 is any number. */
export const usesOffered = [0, 1, 2, 5, 10, 25, 100] as const;
export const slotsOffered = [16, 64, 250, 1000] as const;

/** What somebody has filled in. */
export interface Choice {
  role: LinkRole;
  expires: Lifetime;
  uses: number; // 0: any number
  forWhom: string; // a key, or empty: anybody
  slots: number; // role relay: how many listeners it may carry
}

export const firstChoice: Choice = { role: 'listener', expires: '24h', uses: 0, forWhom: '', slots: 64 };

/** counting says how the uses of such a link, if there is a number of them, are counted: see termsOf in cmd/stoa/app/invites.go. */
export function counting(c: Pick<Choice, 'role'>): 'exact' | 'about' {
  return c.role === 'speaker' || c.role === 'moderator' ? 'exact' : 'about';
}

/** termsOf is the choice as the verb `invite` takes it. */
export function termsOf(c: Choice): NonNullable<Request['invite']> {
  const forWhom = c.forWhom.trim();
  return {
    role: c.role,
    expires: c.expires,
    ...(c.uses ? { uses: c.uses } : {}),
    ...(forWhom ? { for: forWhom } : {}),
    ...(c.role === 'relay' ? { slots: c.slots } : {}),
  };
}

/** A link that has just been made, as the verb `invite` answers. */
export interface Made {
  link: string;
  name: string;
}

export interface Named extends Invite {
  name: string; // what the verb `revoke` takes
}

/** listed returns the links of a room: those that open it first, and of them those that end sooner. */
export function listed(invites: Record<string, Invite>): { open: Named[]; over: Named[] } {
  const all = Object.entries(invites).map(([name, invite]) => ({ ...invite, name }));
  const end = (i: Invite) => i.expires_ms ?? Infinity;
  all.sort((a, b) => end(a) - end(b) || (a.name < b.name ? -1 : 1));
  return { open: all.filter((i) => i.state === 'open'), over: all.filter((i) => i.state !== 'open').reverse() };
}

// What each role comes with unless a grant says otherwise: identity/role.go.
const defaults: Record<LinkRole, { caps: Cap[]; rank: number }> = {
  listener: { caps: ['hear'], rank: 200 },
  speaker: { caps: ['hear', 'speak'], rank: 100 },
  moderator: { caps: ['hear', 'speak', 'invite', 'mute', 'stage', 'kick', 'ban', 'lock', 'title', 'relay'], rank: 10 },
  relay: { caps: ['relay'], rank: 250 },
};

/** mayGive are the roles that somebody may give by a link: below their own, and with nothing that they lack. */
export function mayGive(room: Pick<Room, 'caps' | 'rank'>): LinkRole[] {
  const may = (role: LinkRole) => defaults[role].rank > room.rank && defaults[role].caps.every((cap) => room.caps.includes(cap));
  return room.caps.includes('invite') ? linkRoles.filter(may) : [];
}
