// The node's local API (package ui documents it): the stream of what happens,
// and the verbs. Nothing here draws anything.

import { comeBack, headers } from './entry';
import { pause, silence } from './patience';
import { parser, type ServerEvent } from './sse';
import type { Problem, Reply, Request } from './types';

/** What the node refused, in words for the person. */
export class Failure extends Error {
  constructor(readonly problem: Problem) {
    super(problem.text);
  }
}

const away: Problem = { code: 'node_away', text: 'stoa does not answer' };
const out: Problem = { code: 'no_key', text: 'this page is not signed in any more' };

/** act has the node perform a verb. It rejects with a Failure. */
export async function act(request: Request): Promise<Reply> {
  const res = await send('/do', JSON.stringify(request), { 'Content-Type': 'application/json' });
  return (await res.json()) as Reply;
}

/** send posts a body, download fetches a file. Both reject with a Failure. */
export const send = (path: string, body: BodyInit, extra: Record<string, string> = {}): Promise<Response> =>
  ask(path, { method: 'POST', headers: extra, body });

export const download = async (path: string): Promise<Blob> => (await ask(path, {})).blob();

async function ask(path: string, init: { method?: string; headers?: Record<string, string>; body?: BodyInit }): Promise<Response> {
  const once = () =>
    fetch(path, { ...init, headers: { ...init.headers, ...headers() } }).catch(() => {
      throw new Failure(away);
    });
  let res = await once();
  if (res.status === 401 && (await comeBack())) res = await once();
  if (res.ok) return res;
  const said = (await res.json().catch(() => null)) as Problem | null;
  throw new Failure(said?.text ? said : res.status === 401 ? out : away);
}

/** asleep: the node told that this browser has too many pages open, and this one should rest. */
export type Line = 'connecting' | 'live' | 'lost' | 'refused' | 'asleep';

export interface Listener {
  event(e: ServerEvent): void;
  line(state: Line): void;
}

/**
 * listen follows the stream for as long as the page lives. When it breaks, or
 * nothing comes for so long that the node must be gone, the listener is told
 * and it is tried again, with growing pauses; at once when the page is looked at
 * again or the machine is online again. A page that was put to sleep tries again
 * only then.
 */
export async function listen(to: Listener): Promise<never> {
  let returned = false; // and nothing has come since
  for (let failed = 0; ; failed++) {
    const end = await follow(to, () => {
      failed = 0;
      returned = false;
    });
    if (end === 'refused' && !returned && (await comeBack())) {
      returned = true;
      continue;
    }
    to.line(end);
    await wake(end === 'asleep' ? undefined : pause(failed, Math.random));
  }
}

/** follow reads one stream to its end and says how it ended. */
async function follow(to: Listener, alive: () => void): Promise<Exclude<Line, 'connecting' | 'live'>> {
  const given = new AbortController();
  let watch = 0;
  const heard = () => {
    clearTimeout(watch);
    watch = setTimeout(() => given.abort(), silence);
  };
  heard();
  try {
    const res = await fetch('/events', { headers: headers(), cache: 'no-store', signal: given.signal });
    if (res.status === 401) return 'refused';
    if (!res.ok || !res.body) return 'lost';
    const parse = parser();
    const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 'lost';
      heard();
      for (const e of parse(value)) {
        if (e.event === 'asleep') return 'asleep';
        if (e.event === 'out') return 'refused';
        if (e.event === 'state') {
          alive();
          to.line('live');
        }
        to.event(e);
      }
    }
  } catch {
    return 'lost';
  } finally {
    clearTimeout(watch);
    given.abort();
  }
}

/** wake resolves after a time, or as soon as there is reason to try again. */
function wake(ms: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const now = () => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = ms === undefined ? undefined : setTimeout(now, ms);
    const { signal } = over;
    document.addEventListener('visibilitychange', () => document.hidden || now(), { signal });
    addEventListener('focus', now, { signal });
    addEventListener('online', now, { signal });
  });
}
