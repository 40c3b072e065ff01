// How a page gets in and comes back. What opens the local API, the key, lies in
// this page's memory alone and ends with the node's run. To come back, after a
// reload, in another tab, or when the node was started again, the page signs with
// a secret that never leaves this browser: whoever listens on the port while the
// node is away, another user of the machine for example, learns nothing from it.

let key = '';

const database = 'stoa';
const shelf = 'keys';
const item = 'page';

/** headers are what every request but the first ones carries. */
export const headers = (): Record<string, string> => ({ 'Stoa-Key': key });

/**
 * enter redeems the one-time token in the address, if there is one, and takes
 * it out of the address bar and the history. With a token that is spent, or
 * with none, it comes back by the secret instead.
 */
export async function enter(): Promise<void> {
  const inAddress = () => new URLSearchParams(location.hash.slice(1));
  // A fresh address pasted over that of a page that was signed out loads nothing by itself.
  addEventListener('hashchange', () => inAddress().has('enter') && location.reload());
  const given = inAddress();
  const token = given.get('enter');
  if (token === null) return void (await comeBack());
  history.replaceState(null, '', given.get('go') ?? '#/');
  const secret = (await kept()) ?? (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']));
  const known = base64url(await crypto.subtle.exportKey('raw', secret.publicKey));
  if (await post('/enter', { token, public: known })) await keep(secret);
  else await comeBack();
}

/** comeBack gets a new key for this run of the node, or tells that it will have no more of this browser. */
export async function comeBack(): Promise<boolean> {
  const secret = await kept();
  if (!secret) return false;
  const asked = await ask('/return', {});
  if (!asked?.nonce) return false;
  const signed = await crypto.subtle.sign(
    { name: 'ECDSA', hash: 'SHA-256' },
    secret.privateKey,
    new TextEncoder().encode(`stoa page\n${asked.nonce}`),
  );
  return post('/return', { nonce: asked.nonce, signature: base64url(signed) });
}

async function post(path: string, body: Record<string, string>): Promise<boolean> {
  const answer = await ask(path, body);
  if (answer?.key) key = answer.key;
  return answer?.key !== undefined;
}

/** ask returns nothing when the node refuses or is away; the stream of events tells which. */
async function ask(path: string, body: Record<string, string>): Promise<{ key?: string; nonce?: string } | undefined> {
  try {
    const res = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    return res.ok ? ((await res.json()) as { key?: string; nonce?: string }) : undefined;
  } catch {
    return undefined;
  }
}

const base64url = (bytes: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/[+/=]/g, (c) => ({ '+': '-', '/': '_' })[c] ?? '');

/** kept is the secret of this browser; none in a window that keeps nothing. */
const kept = (): Promise<CryptoKeyPair | undefined> => onShelf('readonly', (shelf) => shelf.get(item) as IDBRequest<CryptoKeyPair | undefined>);

const keep = (secret: CryptoKeyPair): Promise<unknown> => onShelf('readwrite', (shelf) => shelf.put(secret, item));

/** onShelf has nothing where the browser keeps nothing, or keeps what another program put there. */
function onShelf<T>(mode: IDBTransactionMode, act: (shelf: IDBObjectStore) => IDBRequest<T>): Promise<T | undefined> {
  return new Promise<T | undefined>((resolve) => {
    const opened = indexedDB.open(database, 1);
    opened.onupgradeneeded = () => opened.result.createObjectStore(shelf);
    opened.onerror = () => resolve(undefined);
    opened.onsuccess = () => {
      const db = opened.result;
      if (!db.objectStoreNames.contains(shelf)) return resolve(undefined);
      const asked = act(db.transaction(shelf, mode).objectStore(shelf));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => resolve(undefined);
      asked.transaction!.oncomplete = () => db.close();
    };
  }).catch(() => undefined); // a window that may not open any
}
