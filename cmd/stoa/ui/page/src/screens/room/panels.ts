// What opens over a room as a dialog, by the word after the room: #/room/ID/invites.

import type { Component } from 'svelte';
import Invites from '../invites/Invites.svelte';
import Log from '../moderation/Log.svelte';
import Moderation from '../moderation/Moderation.svelte';
import Recording from '../recording/Recording.svelte';
import Relays from '../relays/Relays.svelte';
import Schedule from '../schedule/Schedule.svelte';

export const panels: Record<string, Component<{ room: string; onclose: () => void }>> = {
  invites: Invites,
  log: Log,
  moderation: Moderation,
  recording: Recording,
  relays: Relays,
  schedule: Schedule,
};
