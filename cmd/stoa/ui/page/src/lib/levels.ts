// Voices in motion. Levels come twenty times a second for as many people as
// speak, so they go past the framework: whoever shows a voice registers an
// element, and its custom property --level (0 to 1) is set when it changes.

import type { Attachment } from 'svelte/attachments';
import type { Id, Levels } from './types';

const shown = new Map<Id, Set<HTMLElement>>();
let sounding: Levels = {};

/** meter is an attachment: the element follows the voice of a person. */
export function meter(id: Id): Attachment<HTMLElement> {
  return (element) => {
    const of = shown.get(id) ?? new Set();
    shown.set(id, of.add(element));
    set(element, sounding[id] ?? 0);
    return () => {
      of.delete(element);
      if (of.size === 0 && shown.get(id) === of) shown.delete(id);
    };
  };
}

/** show puts levels on the elements, and silences whoever is not among them any more. */
export function show(levels: Levels): void {
  for (const id in sounding) if (!(id in levels)) put(id, 0);
  for (const id in levels) if (levels[id] !== sounding[id]) put(id, levels[id] ?? 0);
  sounding = levels;
}

function put(id: Id, level: number): void {
  for (const element of shown.get(id) ?? []) set(element, level);
}

function set(element: HTMLElement, level: number): void {
  element.style.setProperty('--level', String(Math.min(100, Math.max(0, level)) / 100));
}
