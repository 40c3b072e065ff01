// What of a room's chat was read here. Only this browser knows.

import type { Id, Message } from '../../lib/types';

const read: Record<Id, string> = $state({}); // the key of the last message that was on the screen

/** unread counts the messages of others after the last one that was read. */
export const unread = (room: Id, chat: Record<string, Message>, me: Id): number =>
  Object.entries(chat).filter(([key, m]) => key > (read[room] ?? '') && m.who !== me && m.text).length;

/** markRead says that all that there is was on the screen. */
export function markRead(room: Id, chat: Record<string, Message>): void {
  const newest = Object.keys(chat).reduce((a, b) => (a > b ? a : b), '');
  if (newest > (read[room] ?? '')) read[room] = newest;
}

/** begin marks what was said before one came as read, once. */
export function begin(room: Id, chat: Record<string, Message>): void {
  if (!(room in read)) {
    read[room] = '';
    markRead(room, chat);
  }
}
