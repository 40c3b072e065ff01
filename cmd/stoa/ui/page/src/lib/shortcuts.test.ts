import { expect, it } from 'vitest';
import { meant, type Focus, type Press } from './shortcuts';

const press = (key: string, p: Partial<Press> = {}): Press => ({
  key, code: key === ' ' ? 'Space' : `Key${key.toUpperCase()}`, repeat: false, ctrlKey: false, altKey: false, metaKey: false, ...p,
});

it.each<[string, Press, Focus, string | undefined]>([
  ['a letter', press('m'), 'free', 'mic'],
  ['a capital, with caps lock', press('M'), 'free', 'mic'],
  ['a sign that needs shift on some keyboards', press('?', { code: 'Minus' }), 'free', 'help'],
  ['a key of nothing', press('x'), 'free', undefined],
  ['while typing', press('m'), 'typing', undefined],
  ['space while typing', press(' '), 'typing', undefined],
  ['with control: the browser’s', press('r', { ctrlKey: true }), 'free', undefined],
  ['with alt', press('h', { altKey: true }), 'free', undefined],
  ['with command', press('c', { metaKey: true }), 'free', undefined],
  ['held: once', press('h', { repeat: true }), 'free', undefined],
  ['the key to talk with', press(' '), 'free', 'talk'],
  ['held, it stays so', press(' ', { repeat: true }), 'free', 'talk'],
  ['space presses the buttons of a dialog', press(' '), 'dialog', undefined],
  ['the microphone goes off over a dialog too', press('m'), 'dialog', 'mic'],
  ['nothing else does', press('h'), 'dialog', undefined],
])('%s', (_, event, focus, want) => expect(meant(event, focus, 'Space')).toBe(want));

it('another key to talk with works over a dialog', () => {
  expect(meant(press('F8', { code: 'F8' }), 'dialog', 'F8')).toBe('talk');
  expect(meant(press(' '), 'free', 'F8')).toBeUndefined();
});
