// What people and rooms are called on the page.

import { listed, n, t } from '../../lib/i18n.svelte';
import type { Id, Message, Room, View } from '../../lib/types';

/** short is the beginning of a key, as the command line shows it too. */
export const short = (id: Id): string => id.slice(0, 8);

/** titleOf is a room's title, or the beginning of its name when it has none. */
export const titleOf = (title: string, id: Id): string => title || t('room.untitled', { id: short(id) });

/**
 * nameOf is what to call somebody: as this person calls them, as they call
 * themselves, or by the beginning of their key.
 */
export function nameOf(id: Id, view: Pick<View, 'contacts' | 'blocked'>, room?: Pick<Room, 'people' | 'removed' | 'relays'>, said = ''): string {
  const here = room?.people[id];
  return (
    here?.petname ||
    view.contacts[id]?.name ||
    here?.name ||
    said ||
    room?.removed[id]?.name ||
    room?.relays.list[id]?.name ||
    view.blocked[id]?.name ||
    short(id)
  );
}

/** writerOf is what to call who wrote a message. Behind a name that the message alone tells, which may be anybody's, stands the key. */
export const writerOf = ({ who, name }: Pick<Message, 'who' | 'name'>, view: Pick<View, 'contacts' | 'blocked'>, room: Room): string =>
  nameOf(who, view, room, name && `${name} (${short(who)})`);

/** staged says who is on a stage and how many are there. */
export function staged(names: string[], people: number): string {
  const many = n('people', people);
  return names.length > 0 ? t('stage', { names: listed(names), people: many }) : many;
}
