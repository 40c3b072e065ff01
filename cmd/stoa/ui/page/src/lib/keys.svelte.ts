// Listens to the keyboard for the screens. Which key means what says
// shortcuts.ts; what is done says whoever is on the screen.

import { settings } from './settings.svelte';
import { meant, type Command, type Focus } from './shortcuts';

export interface Talker {
  down(): boolean; // whether the key is wanted; if not, it does what keys do
  up(): void;
}

/** Does a command, or returns false where it means nothing now. */
type Act = () => void | false;

const commands = new Map<Command, Act[]>();
const talkers: Talker[] = [];
let talking: Talker | undefined;

/** onCommand has commands done for as long as the calling component is there, by the newest to which they mean something. */
export function onCommand(done: Partial<Record<Command, Act>>): void {
  $effect(() => {
    const given = Object.entries(done) as [Command, Act][];
    for (const [command, act] of given) commands.set(command, [...(commands.get(command) ?? []), act]);
    return () => {
      for (const [command, act] of given) commands.set(command, commands.get(command)?.filter((a) => a !== act) ?? []);
    };
  });
}

/** onTalk follows the key to talk with for as long as the calling component is there. */
export function onTalk(talker: Talker): void {
  $effect(() => {
    talkers.push(talker);
    return () => {
      if (talking === talker) release();
      talkers.splice(talkers.indexOf(talker), 1);
    };
  });
}

/** listenToKeys begins, once. */
export function listenToKeys(): void {
  addEventListener('keydown', down);
  addEventListener('keyup', (e) => {
    if (e.code !== settings.talkKey || !talking) return;
    e.preventDefault(); // a button that has the focus is not pressed by it
    release();
  });
  addEventListener('blur', release);
  document.addEventListener('visibilitychange', () => document.hidden && release());
}

function down(e: KeyboardEvent): void {
  const what = meant(e, focus(e.target), settings.talkKey);
  if (what === undefined) return;
  if (what === 'talk') {
    talking ??= e.repeat ? undefined : talkers.findLast((t) => t.down());
    if (talking) e.preventDefault();
    return;
  }
  if (commands.get(what)?.findLast((act) => act() !== false)) e.preventDefault();
}

function release(): void {
  talking?.up();
  talking = undefined;
}

function focus(target: EventTarget | null): Focus {
  if (!(target instanceof HTMLElement)) return 'free';
  const field = target.closest('input, textarea, select, [contenteditable]');
  if (field && !(field instanceof HTMLInputElement && ['range', 'checkbox', 'radio'].includes(field.type))) return 'typing';
  return document.querySelector('dialog[open], [popover]:popover-open[role="menu"]') ? 'dialog' : 'free';
}
