// When a page that has lost its node tries again, and when it counts as lost.
// Pure: the clock is whoever asks.

/** Silence after which the node counts as lost, in ms. It says something every second. */
export const silence = 1900;

const first = 250;
const most = 5000;

/** pause is how long to wait before the n-th try in a row, in ms; n counts from 0. */
export function pause(n: number, random: () => number): number {
  const whole = Math.min(most, first * 2 ** Math.min(n, 10));
  return Math.round(whole * (0.75 + 0.5 * random())); // not all tabs at once
}
