// Which component shows which address (lib/router.svelte.ts). To add a screen,
// add its first word here. A screen gets the words after it.

import type { Component } from 'svelte';
import Doctor from '../screens/doctor/Doctor.svelte';
import Hall from '../screens/hall/Hall.svelte';
import People from '../screens/people/People.svelte';
import Preview from '../screens/preview/Preview.svelte';
import Room from '../screens/room/Room.svelte';
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

/** first is the screen that comes before all others, whatever the address says; it leads there when it is done. */
export function first(view: Pick<View, 'phase' | 'me'>): Component | undefined {
  if (view.phase === 'locked') return Unlock;
  return view.phase === 'running' && view.me.new ? Welcome : undefined;
}
