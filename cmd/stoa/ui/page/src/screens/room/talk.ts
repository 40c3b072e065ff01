// The key of push-to-talk, told to the node. It believes that a key is held for
// a second (talkLease in cmd/stoa/app/talk.go), so that a page that dies does not
// leave a microphone open: who holds it says so again and again.

import { act } from '../../lib/api';
import { attempt } from '../../lib/toasts.svelte';

const every = 400; // ms

/** talkKey is one key. Going down twice, or up without having been down, does nothing. */
export function talkKey(): { down(): void; up(): void } {
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
