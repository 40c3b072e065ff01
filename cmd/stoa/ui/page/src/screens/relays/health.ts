// How well voices come, in plain words. Pure.

import type { Way } from '../../lib/types';

export type Health = 'good' | 'fair' | 'poor' | 'unknown';

// The share of packets whose loss nobody hears, since each repeats a little of
// the one before it, and the share from which words are missed; and the delay, in
// ms there and back, from which people begin to talk at the same time.
const heardLoss = 0.03;
const wordsLoss = 0.1;
const noticedDelay = 250;
const hardDelay = 600;

/** healthOf judges a way by what it loses, 0 to 1, and by how long it takes there and back. */
export function healthOf(loss: number | undefined, rtt_ms: number | undefined): Health {
  if (loss === undefined && !rtt_ms) return 'unknown';
  const lost = loss ?? 0;
  const delay = rtt_ms ?? 0;
  if (lost >= wordsLoss || delay >= hardDelay) return 'poor';
  if (lost >= heardLoss || delay >= noticedDelay) return 'fair';
  return 'good';
}

/** wayHealth judges the way to one person on the stage by its worse direction. */
export function wayHealth(way: Way): Health {
  if (way.way === 'none') return 'poor';
  if (way.loss_in === undefined && way.loss_out === undefined) return healthOf(undefined, way.rtt_ms);
  return healthOf(Math.max(way.loss_in ?? 0, way.loss_out ?? 0), way.rtt_ms);
}

/** share is how full a relay is, 0 to 1. */
export function share(relay: { carries?: number; slots?: number }): number {
  return relay.slots ? Math.min(1, (relay.carries ?? 0) / relay.slots) : 0;
}
