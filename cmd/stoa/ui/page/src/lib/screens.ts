// Which component shows which address (lib/router.svelte.ts). To add a screen,
// add its first word here. A screen gets the words after it.

import type { Component } from 'svelte';
import Room from '../screens/room/Room.svelte';

export type Screen = Component<{ words: string[] }>;

/** By the first word; '' is where one begins. */
export const screens: Record<string, Screen> = {
  room: Room,
};

/** What opens over a room as a dialog, by the word after the room: #/room/ID/invites. */
export const panels: Record<string, Component<{ room: string; onclose: () => void }>> = {};
