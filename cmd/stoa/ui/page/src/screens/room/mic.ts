// One's own microphone, as every screen works it: turning it on and off, and the
// key to talk with. The node believes that a key is held for a second (talkLease
// in cmd/stoa/app/talk.go), so that a page that dies does not leave a microphone
// open: who holds it says so again and again.

import { act } from '../../lib/api';
import { onCommand, onTalk } from '../../lib/keys.svelte';
import { go, href } from '../../lib/router.svelte';
import { attempt } from '../../lib/toasts.svelte';
import type { Id, Talk } from '../../lib/types';
import type { MicState } from './room';

const every = 400; // ms

export interface Microphone {
  flip(): void | false; // false: it means nothing now
  down(): boolean; // whether the key means anything now
  up(): void;
}

interface Now {
  mic: MicState | undefined; // undefined: one is in no room
  room: Id;
  talk: Talk;
}

/** byKey says whether one is heard, or is not, while a key is held. */
export const byKey = ({ mic, talk }: Pick<Now, 'mic' | 'talk'>): boolean => talk !== 'open' && ['live', 'ready', 'held', 'opening'].includes(mic ?? '');

/** microphone has the keys work the microphone for as long as the calling component is there. */
export function microphone(now: () => Now): Microphone {
  const key = talkKey();
  const mic: Microphone = {
    flip() {
      const { mic, room } = now();
      if (mic === undefined || mic === 'audience') return false;
      void attempt(() => flip(mic, room));
    },
    down() {
      if (byKey(now())) key.down();
      return byKey(now());
    },
    up: key.up,
  };
  onCommand({ mic: mic.flip });
  onTalk(mic);
  return mic;
}

async function flip(mic: MicState, room: Id): Promise<void> {
  if (mic === 'muted') await act({ verb: 'hand', room });
  else if (mic === 'none') go(href('settings'));
  else await act({ verb: mic === 'off' ? 'unmute' : 'mute', room });
}

/** talkKey is one key. Going down twice, or up without having been down, does nothing. */
function talkKey(): { down(): void; up(): void } {
  const name = `page-${crypto.randomUUID().slice(0, 8)}`; // other pages have keys of their own
  let again = 0;
  const tell = () => act({ verb: 'push', args: ['hold', name] }).catch(() => up()); // muted meanwhile, or the node is gone: both are shown
  const up = () => {
    if (!again) return;
    clearInterval(again);
    again = 0;
    void act({ verb: 'push', args: ['end', name] }).catch(() => undefined); // it ends by itself
  };
  return {
    up,
    down() {
      if (again) return;
      again = setInterval(tell, every);
      void attempt(() => act({ verb: 'push', args: ['hold', name] }));
    },
  };
}
