// The words of the page. Each language is one file in ../lang, fetched when it is
// chosen (an import() would bring Vite's loader of styles along); en.json says which
// words there are, and the compiler knows them. A sentence about a number has one key
// for each plural form of its language ("people.one", "people.other").

import type en from '../lang/en.json';
import { settings } from './settings.svelte';
import type { Millis, Problem } from './types';
import { best, fill, type Values } from './words';

export type Key = keyof typeof en;
export type Counted = Key extends infer K ? (K extends `${infer Stem}.other` ? Stem : never) : never;

/** Where each file is. */
const files = import.meta.glob<string>('../lang/*.json', { query: '?url', import: 'default', eager: true });

/** The languages that there is a file of. */
export const languages: string[] = Object.keys(files).map((path) => path.replace(/^.*\/|\.json$/g, ''));

interface Language {
  tag: string;
  words: Record<string, string>;
  plural: Intl.PluralRules;
  number: Intl.NumberFormat;
  list: Intl.ListFormat;
}

let spoken: Language = $state.raw(language('en', {}));

function language(tag: string, words: Record<string, string>): Language {
  return { tag, words, plural: new Intl.PluralRules(tag), number: new Intl.NumberFormat(tag), list: new Intl.ListFormat(tag, { type: 'conjunction' }) };
}

/** speak loads the chosen language, or the browser's, and then has the page speak it. */
export async function speak(): Promise<void> {
  const tag = best(settings.language ? [settings.language] : navigator.languages, languages);
  const file = await fetch(files[`../lang/${tag}.json`]!);
  const words = (await file.json()) as Language['words'];
  spoken = language(tag, words);
  document.documentElement.lang = tag;
}

/** tongue is the language that the page speaks now. */
export const tongue = (): string => spoken.tag;

/** t is a sentence. */
export const t = (key: Key, values: Values = {}): string => fill(spoken.words[key] ?? key, values, spoken.number);

/** n is a sentence about a number, which stands in it as {count}. */
export function n(key: Counted, count: number, values: Values = {}): string {
  const form = spoken.words[`${key}.${spoken.plural.select(count)}`] ?? spoken.words[`${key}.other`] ?? key;
  return fill(form, { count, ...values }, spoken.number);
}

/** said is a sentence by its name and what to do about it, or, where the page does not know it, as the node says it. */
function said(name: string, p: Problem): { text: string; hint: string } {
  const text = spoken.words[name];
  if (text === undefined) return { text: p.text, hint: p.hint ?? '' };
  return { text, hint: spoken.words[`${name}.hint`] ?? '' };
}

/** problem is what the node says went wrong, finding what its doctor has found, in the language of the page. */
export const problem = (p: Problem) => said(`error.${p.code}`, p);
export const finding = (p: Problem) => said(`finding.${p.code}`, p);

/** listed joins names as the language does. */
export const listed = (names: string[]): string => spoken.list.format(names);

/** languageName is what a language is called in the one that the page speaks. */
export const languageName = (tag: string): string => new Intl.DisplayNames(spoken.tag, { type: 'language', fallback: 'code' }).of(tag) ?? tag;

/** clock is the time of day, when the day and the time of it, date the day. */
export const clock = (ms: Millis): string => new Intl.DateTimeFormat(spoken.tag, { timeStyle: 'short' }).format(ms);
export const when = (ms: Millis): string => new Intl.DateTimeFormat(spoken.tag, { dateStyle: 'medium', timeStyle: 'short' }).format(ms);

export const date = (ms: Millis): string => new Intl.DateTimeFormat(spoken.tag, { dateStyle: 'full' }).format(ms);

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];

/** ago says how far a time lies back, or ahead. */
export function ago(ms: Millis, now: Millis = Date.now()): string {
  const far = ms - now;
  const [unit, size] = steps.find(([, size]) => Math.abs(far) >= size) ?? ['second', 1000];
  return new Intl.RelativeTimeFormat(spoken.tag, { numeric: 'auto' }).format(Math.round(far / size), unit);
}
