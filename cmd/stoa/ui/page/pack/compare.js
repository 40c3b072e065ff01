// Whether a build that was checked in is what its sources build:
//
//	node compare.js BUILT CHECKED-IN
//
// Every file must be the same, byte by byte, but for what is packed: another version of
// Node.js may pack otherwise, so of that it counts what comes out when it is unpacked.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { filesOf, packed } from './pack.js';

/**
 * differences says what is not the same, a sentence each.
 * @param {string} built
 * @param {string} checkedIn
 * @returns {string[]}
 */
export function differences(built, checkedIn) {
  const [want, have] = [filesOf(built), filesOf(checkedIn)];
  return [...new Set([...want, ...have])].flatMap((name) => {
    if (!have.includes(name)) return [`${name} is missing`];
    if (!want.includes(name)) return [`${name} is not built`];
    const [file, same] = name.endsWith(packed)
      ? [name.slice(0, -packed.length), unpacks]
      : [name, (/** @type {Buffer} */ is, /** @type {Buffer} */ should) => is.equals(should)];
    return same(readFileSync(join(checkedIn, name)), readFileSync(join(built, file))) ? [] : [`${name} holds something else`];
  });
}

/**
 * unpacks reports whether small is plain, packed.
 * @param {Buffer} small
 * @param {Buffer} plain
 */
function unpacks(small, plain) {
  try {
    return brotliDecompressSync(small, { maxOutputLength: plain.length }).equals(plain);
  } catch {
    return false; // it is damaged, or larger
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [built, checkedIn] = process.argv.slice(2);
  const found = differences(built, checkedIn);
  for (const line of found) console.error(line);
  process.exitCode = found.length > 0 ? 1 : 0;
}
