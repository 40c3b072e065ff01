// What people are called on the page.

import { expect, it, vi } from 'vitest';
import type { Room, View } from '../../lib/types';
import { writerOf } from './names';

// The words need a browser, which keeps the choice of a language.
vi.mock('../../lib/i18n.svelte', () => ({}));

it('writes the key behind a name that only a message tells', () => {
  const view = { contacts: { friend: { name: 'Mum', since_ms: 0 } }, blocked: {} } as Pick<View, 'contacts' | 'blocked'>;
  const room = { people: { ann: { name: 'Ann' } }, removed: {}, relays: { list: {} } } as unknown as Room;
  const said = (who: string, name: string) => writerOf({ who, name }, view, room);
  expect(said('ann', 'Ben')).toBe('Ann');
  expect(said('friend', 'Ann')).toBe('Mum');
  expect(said('stranger7', 'Ann')).toBe('Ann (stranger)');
  expect(said('stranger7', '')).toBe('stranger');
});
