// What the build adds for the way to the browser: beside each file NAME, NAME.br, packed
// as small as brotli can. Node.js brings brotli along, so this needs nothing installed.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

export const packed = '.br';

/**
 * filesOf lists the files in a folder and in those below it, by their path from there.
 * @param {string} dir
 * @returns {string[]}
 */
export const filesOf = (dir) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();

/**
 * pack packs every file in a folder, but those that get no smaller by it.
 * @param {string} dir
 */
export function pack(dir) {
  for (const name of filesOf(dir).filter((name) => !name.endsWith(packed))) {
    const plain = readFileSync(join(dir, name));
    const small = brotliCompressSync(plain, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
      },
    });
    if (small.length < plain.length) writeFileSync(join(dir, name + packed), small);
  }
}
