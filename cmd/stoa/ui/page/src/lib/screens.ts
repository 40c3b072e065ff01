// Which component shows which address (lib/router.svelte.ts). To add a screen,
// add its first word here. A screen gets the words after it.

import type { Component } from 'svelte';
import Doctor from '../screens/doctor/Doctor.svelte';
import Hall from '../screens/hall/Hall.svelte';
import Invites from '../screens/invites/Invites.svelte';
import Log from '../screens/moderation/Log.svelte';
import Moderation from '../screens/moderation/Moderation.svelte';
import People from '../screens/people/People.svelte';
import Preview from '../screens/preview/Preview.svelte';
import Recording from '../screens/recording/Recording.svelte';
import Relays from '../screens/relays/Relays.svelte';
import Room from '../screens/room/Room.svelte';
import Schedule from '../screens/schedule/Schedule.svelte';
import Settings from '../screens/settings/Settings.svelte';
import Unlock from '../screens/unlock/Unlock.svelte';
import Welcome from '../screens/welcome/Welcome.svelte';
import type { View } from './types';

export type Screen = Component<{ words: string[] }> | Component;

/** By the first word; '' is where one begins. */
export const screens: Record<string, Screen> = {
  '': Hall,
  doctor: Doctor,
  people: People,
  preview: Preview,
  room: Room,
  settings: Settings,
};

/** What opens over a room as a dialog, by the word after the room: #/room/ID/invites. */
export const panels: Record<string, Component<{ room: string; onclose: () => void }>> = {
  invites: Invites,
  log: Log,
  moderation: Moderation,
  recording: Recording,
  relays: Relays,
  schedule: Schedule,
};

/** first is the screen that comes before all others, whatever the address says; it leads there when it is done. */
export function first(view: Pick<View, 'phase' | 'me'>): Component | undefined {
  if (view.phase === 'locked') return Unlock;
  return view.phase === 'running' && view.me.new ? Welcome : undefined;
}
