// One stop of the Tab key for many controls: inside, the arrows move by what is
// seen, through rows as through lines, Home and End to the ends (ARIA Authoring
// Practices, roving tabindex).

import type { Attachment } from 'svelte/attachments';

export interface Box {
  left: number;
  top: number;
}

/** step is which box comes next after the i-th by a key; undefined for a key that moves nothing. */
export function step(boxes: Box[], i: number, key: string, leftward = false): number | undefined {
  const last = boxes.length - 1;
  const from = boxes[i];
  if (!from) return undefined;
  const forward = leftward ? 'ArrowLeft' : 'ArrowRight';
  const backward = leftward ? 'ArrowRight' : 'ArrowLeft';
  switch (key) {
    case forward:
      return Math.min(i + 1, last);
    case backward:
      return Math.max(i - 1, 0);
    case 'Home':
      return 0;
    case 'End':
      return last;
    case 'ArrowDown':
    case 'ArrowUp': {
      const down = key === 'ArrowDown';
      const beyond = boxes.filter((b) => (down ? b.top > from.top : b.top < from.top)).map((b) => b.top);
      if (beyond.length === 0) return i;
      const row = down ? Math.min(...beyond) : Math.max(...beyond);
      const far = (b: Box) => (b.top === row ? Math.abs(b.left - from.left) : Infinity);
      return boxes.reduce((best, b, j) => (far(b) < far(boxes[best]!) ? j : best), boxes.findIndex((b) => b.top === row));
    }
  }
  return undefined;
}

/** roving is an attachment for what holds the controls, which bear tabindex -1. */
export const roving: Attachment<HTMLElement> = (container) => {
  const controls = () => [...container.querySelectorAll<HTMLElement>('[tabindex]')];

  const settle = () => {
    const all = controls();
    if (!all.some((c) => c.tabIndex === 0)) all[0]?.setAttribute('tabindex', '0');
  };
  const watch = new MutationObserver(settle);
  watch.observe(container, { childList: true, subtree: true });
  settle();

  const arrived = (e: FocusEvent) => {
    const to = e.target as HTMLElement;
    if (!to.hasAttribute('tabindex')) return;
    for (const c of controls()) if (c.tabIndex === 0) c.tabIndex = -1;
    to.tabIndex = 0;
  };
  const move = (e: KeyboardEvent) => {
    const all = controls();
    const i = all.indexOf(e.target as HTMLElement);
    const boxes = all.map((c) => c.getBoundingClientRect());
    const next = step(boxes, i, e.key, getComputedStyle(container).direction === 'rtl');
    if (next === undefined) return;
    e.preventDefault();
    all[next]?.focus();
  };
  container.addEventListener('focusin', arrived);
  container.addEventListener('keydown', move);
  return () => {
    watch.disconnect();
    container.removeEventListener('focusin', arrived);
    container.removeEventListener('keydown', move);
  };
};
