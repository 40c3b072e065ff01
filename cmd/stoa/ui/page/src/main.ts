// Where the page starts.

import { mount } from 'svelte';
import App from './App.svelte';
import { enter } from './lib/entry';
import { speak } from './lib/i18n.svelte';
import { listenToKeys } from './lib/keys.svelte';
import { follow } from './lib/live.svelte';
import { start } from './lib/router.svelte';
import { applyTheme } from './lib/settings.svelte';
import './styles/tokens.css';
import './styles/base.css';

applyTheme();
await Promise.all([speak(), enter()]);
start();
follow();
listenToKeys();
mount(App, { target: document.body });
