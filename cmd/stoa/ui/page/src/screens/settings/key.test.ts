import { expect, test } from 'vitest';
import { keyName, usable } from './key';

test.each([
  ['Space', true, 'Space'],
  ['KeyV', true, 'V'],
  ['Digit4', true, '4'],
  ['ControlRight', true, 'Control Right'],
  ['F8', true, 'F8'],
  ['Numpad0', true, 'Numpad 0'],
  ['KeyM', false, 'M'],
  ['Escape', false, 'Escape'],
  ['Tab', false, 'Tab'],
  ['', false, ''],
])('%s can be the key to talk with: %s, and is called %s', (code, can, name) => {
  expect(usable(code)).toBe(can);
  expect(keyName(code)).toBe(name);
});
