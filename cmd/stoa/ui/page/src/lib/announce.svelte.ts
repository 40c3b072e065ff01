// What screen readers are told of by itself: politely, or at once where it
// concerns one's own microphone.

export const said = $state({ polite: '', assertive: '' });

/** announce says a sentence. The same one again is said again: a space makes it another. */
export function announce(text: string, how: 'polite' | 'assertive' = 'polite'): void {
  said[how] = said[how] === text ? `${text} ` : text;
}
