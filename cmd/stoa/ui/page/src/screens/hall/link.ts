// Finding a link in what somebody has pasted. Pure.

/**
 * linkIn returns the link in a text, which may be a whole message round it, or
 * undefined. Mail programs break long lines, so what looks like the rest of the
 * link behind a line's end belongs to it. Whether it is whole only the node can say.
 */
export function linkIn(text: string): string | undefined {
  const found = /stoa:(?:\/\/)?j\/([A-Za-z0-9_-]+(?:\r?\n[A-Za-z0-9_-]{8,}(?=\r?\n|$))*)/.exec(text);
  return found?.[1] && `stoa:j/${found[1].replace(/\s/g, '')}`;
}
