// What the page knows: the View that the node tells, kept up to date by
// patches, and how the line to the node is. State goes one way, from here to
// the components; what a person does goes to the node by act, and comes back
// as a patch.

import { listen, send, type Line } from './api';
import { show as showLevels } from './levels';
import { merge, type Json } from './patch';
import { react } from './reactions.svelte';
import { go, href } from './router.svelte';
import type { ServerEvent } from './sse';
import type { Levels, Reaction, View } from './types';

const nothing: View = {
  phase: 'starting',
  me: { id: '', name: '', version: '' },
  net: { network: '', text: '' },
  sound: { mic: { name: '', state: 'none' }, speaker: { name: '', state: 'none' }, talk: 'open', switches: {} },
  rooms: {},
  kept: {},
  contacts: {},
  blocked: {},
  notices: {},
};

class Live {
  view: View = $state(nothing);
  line: Line = $state('connecting');
  /** Whether a View has come at all: what is shown may be old, but was true once. */
  known = $state(false);

  get connected(): boolean {
    return this.line === 'live';
  }
}

export const live = new Live();

/** follow keeps live up to date for as long as the page lives. */
export function follow(): void {
  void listen({
    line: (state) => {
      live.line = state;
      if (state === 'refused') forget();
      if (state === 'live') tellVisible();
      else showLevels({});
    },
    event: take,
  });
  document.addEventListener('visibilitychange', tellVisible);
}

/** forget leaves nothing to see for whoever has the page after it was signed out. */
function forget(): void {
  live.view = nothing;
  live.known = false;
}

/** tellVisible lets the node know whether a person sees this page, and needs no notification. */
function tellVisible(): void {
  if (!live.connected) return;
  const body = JSON.stringify({ visible: !document.hidden });
  void send('/visible', body, { 'Content-Type': 'application/json' }).catch(() => undefined); // lost, as the stream will tell
}

function take({ event, data }: ServerEvent): void {
  switch (event) {
    case 'state':
      live.view = JSON.parse(data) as View;
      live.known = true;
      break;
    case 'patch':
      live.view = merge(live.view as unknown as Json, JSON.parse(data) as Json) as unknown as View;
      break;
    case 'levels':
      showLevels(JSON.parse(data) as Levels);
      break;
    case 'react':
      react(JSON.parse(data) as Reaction);
      break;
    case 'link':
      go(href('preview', (JSON.parse(data) as { link: string }).link));
      break;
  }
}
