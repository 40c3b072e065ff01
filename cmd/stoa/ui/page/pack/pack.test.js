// What is packed comes out again, and a build that is not that of its sources is found.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { differences } from './compare.js';
import { filesOf, pack } from './pack.js';

const page = '<p>stoa</p>'.repeat(100);

let root, built, checkedIn;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pack-'));
  [built, checkedIn] = [join(root, 'built'), join(root, 'checked-in')];
  mkdirSync(join(built, 'assets'), { recursive: true });
  writeFileSync(join(built, 'index.html'), page);
  writeFileSync(join(built, 'assets/app.js'), 'app();'.repeat(50));
  writeFileSync(join(built, 'assets/a.svg'), '?');
  pack(built);
  cpSync(built, checkedIn, { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

it('packs what gets smaller', () => {
  expect(filesOf(built)).toEqual(['assets/a.svg', 'assets/app.js', 'assets/app.js.br', 'index.html', 'index.html.br']);
  expect(brotliDecompressSync(readFileSync(join(built, 'index.html.br'))).toString()).toBe(page);
});

it('packs again what it packed before', () => {
  pack(built);
  expect(differences(built, checkedIn)).toEqual([]);
});

const coarse = brotliCompressSync(page, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });

it.each([
  ['nothing is changed', () => {}, []],
  ['it is packed otherwise', (dir) => writeFileSync(join(dir, 'index.html.br'), coarse), []],
  ['a file is another one', (dir) => writeFileSync(join(dir, 'index.html'), `${page} `), ['index.html holds something else']],
  ['a file is missing', (dir) => rmSync(join(dir, 'assets/app.js')), ['assets/app.js is missing']],
  ['a file is left over', (dir) => writeFileSync(join(dir, 'assets/old.js'), ''), ['assets/old.js is not built']],
  ['nothing is packed beside it', (dir) => rmSync(join(dir, 'index.html.br')), ['index.html.br is missing']],
  ['something old is packed', (dir) => writeFileSync(join(dir, 'index.html.br'), brotliCompressSync(page.slice(1))), ['index.html.br holds something else']],
  ['something endless is packed', (dir) => writeFileSync(join(dir, 'index.html.br'), brotliCompressSync(page + page)), ['index.html.br holds something else']],
  ['what is packed is cut off', (dir) => writeFileSync(join(dir, 'index.html.br'), coarse.subarray(0, -3)), ['index.html.br holds something else']],
  ['what is packed is left over', (dir) => writeFileSync(join(dir, 'assets/a.svg.br'), brotliCompressSync('?')), ['assets/a.svg.br is not built']],
])('%s', (_, change, found) => {
  change(checkedIn);
  expect(differences(built, checkedIn)).toEqual(found);
});
