// Every language says everything, with the same values in it, and nothing is
// said that no component asks for.

import { describe, expect, it } from 'vitest';
import { best, fill } from '../lib/words';
import english from './en.json';

const files = import.meta.glob<Record<string, string>>('./*.json', { import: 'default', eager: true });
const en: Record<string, string> = english;

const form = /\.(zero|one|two|few|many|other)$/;
const stem = (key: string) => key.replace(form, '');
const isCounted = (key: string) => `${stem(key)}.other` in en && form.test(key);
const places = (sentence: string) => [...new Set(sentence.match(/\{\w+\}/g))].sort();

describe.each(Object.entries(files))('%s', (file, own) => {
  const forms = new Intl.PluralRules(file.replace(/^\.\/|\.json$/g, '')).resolvedOptions().pluralCategories;

  it('has every sentence, and no other', () => {
    const want = Object.keys(en).flatMap((key) => (isCounted(key) ? forms.map((form) => `${stem(key)}.${form}`) : [key]));
    expect(Object.keys(own).sort()).toEqual([...new Set(want)].sort());
  });

  it('puts the same values into each', () => {
    for (const [key, sentence] of Object.entries(own)) {
      const want = places(en[key] ?? en[`${stem(key)}.other`] ?? '');
      const may = isCounted(key) ? want.filter((p) => p !== '{count}') : want; // “one person” needs no number
      for (const place of may) expect(places(sentence), key).toContain(place);
      for (const place of places(sentence)) expect(want, key).toContain(place);
    }
  });

  it('leaves nothing empty', () => {
    for (const [key, sentence] of Object.entries(own)) expect(sentence.trim(), key).not.toBe('');
  });
});

/** What the sources of the page ask for: t('key', { value }), n('key', …), and keys made of a word and a part. */
const sources = Object.entries(import.meta.glob<string>('../**/*.{svelte,ts}', { query: '?raw', import: 'default', eager: true })).filter(
  ([path]) => !path.endsWith('.test.ts'),
);

it('says nothing that nobody asks for', () => {
  const all = sources.map(([, source]) => source).join('\n');
  const built = [...all.matchAll(/`([a-z_.]+\.)\$\{/g)].map((m) => m[1]!);
  const asked = (key: string) => all.includes(`'${key}'`) || built.some((start) => key.startsWith(start));
  expect(Object.keys(en).filter((key) => !asked(key) && !(isCounted(key) && asked(stem(key))))).toEqual([]);
});

it('gives each sentence the values that stand in it', () => {
  for (const [path, source] of sources)
    for (const [, call, key, values] of source.matchAll(/\b(t|n)\(\s*'([^']+)'(?:, \{([^{}]*)\})?/g)) {
      const want = places(en[key!] ?? en[`${key}.other`] ?? '').filter((p) => !(call === 'n' && p === '{count}'));
      if (call === 't') expect([...(values ?? '').matchAll(/(\w+)(?=\s*[:,]|\s*$)/g)].map((m) => `{${m[1]}}`), `${key} in ${path}`).toEqual(expect.arrayContaining(want));
    }
});

it('fills values in, and leaves a place that has none', () => {
  expect(fill('{a} of {b}: {c}', { a: 1234.5, b: 'x' }, new Intl.NumberFormat('es'))).toBe('1234,5 of x: {c}');
});

it.each([
  [['id-ID', 'en'], 'id'],
  [['fr', 'es-MX'], 'es'],
  [['fr'], 'en'],
  [[], 'en'],
])('of %j it speaks %s', (asked, want) => {
  expect(best(asked, ['en', 'id', 'es'])).toBe(want);
});
