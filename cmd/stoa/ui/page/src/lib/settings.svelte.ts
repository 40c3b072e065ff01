// What a person has chosen for this browser. It stays in the browser: what
// belongs to the person lies with the node.

export type Theme = 'system' | 'light' | 'dark';

interface Choices {
  theme: Theme;
  language: string; // '' is the browser's
  talkKey: string; // KeyboardEvent.code of push-to-talk
}

const defaults: Choices = { theme: 'system', language: '', talkKey: 'Space' };

function kept<K extends keyof Choices>(name: K): Choices[K] {
  return (localStorage.getItem(`stoa.${name}`) ?? defaults[name]) as Choices[K];
}

class Settings {
  theme = $state(kept('theme'));
  language = $state(kept('language'));
  talkKey = $state(kept('talkKey'));

  choose<K extends keyof Choices>(name: K, value: Choices[K]): void {
    (this as Choices)[name] = value;
    localStorage.setItem(`stoa.${name}`, value);
  }
}

export const settings = new Settings();

/** applyTheme puts the chosen theme where the tokens look for it. */
export function applyTheme(): void {
  document.documentElement.dataset['theme'] = settings.theme;
}
