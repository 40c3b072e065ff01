// How sentences are chosen and filled in: the pure part of i18n.svelte.ts.

export type Values = Record<string, string | number>;

/** best picks from the languages that there are the one that is asked for first. */
export function best(asked: readonly string[], have: readonly string[]): string {
  for (const tag of asked) {
    const primary = tag.toLowerCase().split('-')[0] ?? '';
    if (have.includes(primary)) return primary;
  }
  return 'en';
}

/** fill puts values in the places of a sentence, numbers as the language writes them. */
export function fill(sentence: string, values: Values, number: Intl.NumberFormat): string {
  return sentence.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    return typeof value === 'number' ? number.format(value) : (value ?? place);
  });
}
