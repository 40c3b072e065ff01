// The build of the page: into ../dist, which is checked in, embedded in the
// program and served by package ui. The same sources and the same lock file
// give the same bytes on every machine: names of files come from what they
// hold, and nothing holds a path or a date. What is packed beside them is the
// same where Node.js is; compare.js in the folder pack compares with that in mind.

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { pack } from './pack/pack.js';

// During development `npm run dev` serves the sources, and passes the local API
// on to a running node at this address.
const node = { target: 'http://127.0.0.1:7862' };
const api = ['/enter', '/return', '/events', '/do', '/visible', '/signout', '/export', '/import', '/file'];

export default defineConfig({
  base: './',
  plugins: [
    svelte({
      compilerOptions: {
        // By default a class is named after the path of its file.
        cssHash: ({ hash, css }) => `s${hash(css)}`,
        // One component that is not surely new Svelte brings the code for the old one along.
        runes: true,
      },
    }),
    { name: 'pack', writeBundle: ({ dir }) => pack(dir!) },
  ],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: ['chrome125', 'firefox128', 'safari18'],
    assetsInlineLimit: 0, // the content security policy knows no data: addresses
    modulePreload: false, // one script, and a language that is chosen as it starts
    reportCompressedSize: false,
    license: { fileName: 'assets/licences.md' },
  },
  server: { host: '127.0.0.1', proxy: Object.fromEntries(api.map((path) => [path, node])) },
  test: { include: ['src/**/*.test.ts', 'pack/*.test.js'], css: true },
});
