// People's colours, drawn from their keys: the same person has the same colour
// on every machine. Only the hue is theirs; how light and how strong it is says
// the theme (styles/tokens.css), so letters on it can be read in each.

import type { Id } from './types';

/** hueOf is a person's hue in the OKLCH space, in degrees. */
export function hueOf(id: Id): number {
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % 360;
}

/** initials are the one or two letters that stand for a name; of a key its first. */
export function initials(name: string, id: Id): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letter = (word: string | undefined) => (word ? (Array.from(new Intl.Segmenter().segment(word))[0]?.segment ?? '') : '');
  const both = letter(words[0]) + (words.length > 1 ? letter(words.at(-1)) : '');
  return (both || id.slice(0, 2)).toLocaleUpperCase();
}
