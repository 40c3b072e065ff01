// Where the person is: location.hash, as "#/screen/word/word". Words may hold
// anything, so they are encoded.

/** parse splits an address into its words; an address of anything else is the first screen's. */
export function parse(hash: string): string[] {
  if (!hash.startsWith('#/')) return [];
  return hash
    .slice(2)
    .split('/')
    .filter((word) => word !== '')
    .map((word) => {
      try {
        return decodeURIComponent(word);
      } catch {
        return word;
      }
    });
}

/** href is the address of a screen. */
export const href = (...words: string[]): string => '#/' + words.map(encodeURIComponent).join('/');

class Route {
  words: string[] = $state([]);
}

export const route = new Route();

const follow = () => (route.words = parse(location.hash));

/** start follows the address from now on. */
export function start(): void {
  addEventListener('hashchange', follow);
  follow();
}

/** go leads to an address that href made. */
export function go(to: string): void {
  if (location.hash === to) follow();
  else location.hash = to;
}

/** swap is go without a way back to where one was: of a screen that is over. */
export function swap(to: string): void {
  history.replaceState(null, '', to);
  follow();
}
