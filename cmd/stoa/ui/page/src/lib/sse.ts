// The text/event-stream of the HTML standard (section 9.2.6), as far as the node
// uses it: `event`, `data` of one or more lines, comments. Read from a fetch and
// not by EventSource, which cannot send the header with the page's key.

export interface ServerEvent {
  event: string;
  data: string;
}

const maxPending = 32 << 20; // characters of one event; a View of a full room has about 1 M

/** parser returns a function that takes the stream in pieces and returns the events that are whole. */
export function parser(): (piece: string) => ServerEvent[] {
  let rest = '';
  let event = '';
  let data: string[] = [];
  return (piece) => {
    rest += piece;
    if (rest.length > maxPending) throw new Error('an event without end');
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    const whole: ServerEvent[] = [];
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) whole.push({ event: event || 'message', data: data.join('\n') });
        event = '';
        data = [];
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'event') event = value;
      else if (field === 'data') data.push(value);
    }
    return whole;
  };
}
