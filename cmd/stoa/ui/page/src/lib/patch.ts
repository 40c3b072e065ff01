// JSON merge patches (RFC 7396), applied in place: what a patch does not name
// stays the same object, so only what shows a changed value is drawn again.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const isObject = (v: Json | undefined): v is JsonObject => typeof v === 'object' && v !== null && !Array.isArray(v);

/** merge changes target as the patch says and returns it, or what takes its place. */
export function merge(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const into: JsonObject = isObject(target) ? target : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete into[key];
    else if (key === '__proto__') continue; // is no name of anything that a node tells
    else into[key] = merge(into[key], value);
  }
  return into;
}
