// The key that one holds to talk, by KeyboardEvent.code: where it lies, whatever
// the layout writes on it. Pure.

// What the page or the browser needs for itself.
const taken = new Set(['Escape', 'Tab', 'Enter', 'MetaLeft', 'MetaRight', 'ContextMenu', 'F5', 'F11', 'F12']);

/** usable says whether a key can be the one to talk with: one that has a place, and nothing else to do. */
export const usable = (code: string): boolean => code !== '' && code !== 'Unidentified' && !taken.has(code) && !/^Key[MHCRI]$|^Slash$/.test(code);

/** keyName is what a key is called: the letter of KeyM, the words of ControlRight. */
export const keyName = (code: string): string => code.replace(/^(Key|Digit)/, '').replace(/([a-z])([A-Z0-9])/g, '$1 $2');
