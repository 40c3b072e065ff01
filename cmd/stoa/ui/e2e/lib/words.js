// The words of the page, as its language files have them: tests name what they look for by
// its key, so that another wording breaks none, and every story can be told in any language.

import { readFileSync } from "node:fs";

const files = new Map();

function file(language) {
  if (!files.has(language)) {
    files.set(language, JSON.parse(readFileSync(new URL(`../../page/src/lang/${language}.json`, import.meta.url), "utf8")));
  }
  return files.get(language);
}

/**
 * What the page says for a key, with values in its {places}. A number as count chooses the plural form.
 *
 * @param {string} language
 * @param {string} key
 * @param {Record<string, string | number>} values
 */
export function word(language, key, values = {}) {
  const all = file(language);
  const form = all[key] ?? all[`${key}.${new Intl.PluralRules(language).select(values.count)}`] ?? all[`${key}.other`];
  if (form === undefined) throw new Error(`${language}.json has no ${key}`);
  return form.replaceAll(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}
