// The keys of the page, all of them (the `?` dialog shows this list), and which
// one an event is. Pure; keys.svelte.ts listens.

export type Command = 'mic' | 'hand' | 'chat' | 'react' | 'invite' | 'search' | 'help';

/** By KeyboardEvent.key, so that they are where their letters are. */
export const shortcuts: Record<string, Command> = {
  m: 'mic',
  h: 'hand',
  c: 'chat',
  r: 'react',
  i: 'invite',
  '/': 'search',
  '?': 'help',
};

export interface Press {
  key: string;
  code: string;
  repeat: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** Where the focus is: `free` where keys are free, `dialog` over the page, `typing` in a field. */
export type Focus = 'free' | 'dialog' | 'typing';

/**
 * meant is what a key that went down is for: a command, the key to talk with, or
 * nothing. While somebody types no key is; over a dialog only those that concern
 * one's own microphone, which must not go on because a dialog is open.
 */
export function meant(press: Press, focus: Focus, talkKey: string): Command | 'talk' | undefined {
  if (focus === 'typing' || press.ctrlKey || press.altKey || press.metaKey) return undefined;
  if (press.code === talkKey) return focus === 'free' || talkKey !== 'Space' ? 'talk' : undefined;
  if (press.repeat) return undefined;
  const command = shortcuts[press.key.toLowerCase()];
  return focus === 'free' || command === 'mic' ? command : undefined;
}
