import { describe, expect, it } from 'vitest';
import { parser } from './sse';

const stream = 'event: state\ndata: {"a":\ndata: 1}\n\n: a comment\n\nevent:tick\r\ndata: {}\r\n\r\ndata: x\rdata:y\r\rdata: cut off';
const events = [
  { event: 'state', data: '{"a":\n1}' },
  { event: 'tick', data: '{}' },
  { event: 'message', data: 'x\ny' },
];

describe('parser', () => {
  it('reads events, comments and every end of line', () => {
    expect(parser()(stream)).toEqual(events);
  });

  it('reads the same wherever the stream is cut', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const parse = parser();
      expect([...parse(stream.slice(0, cut)), ...parse(stream.slice(cut))], `cut at ${cut}`).toEqual(events);
    }
    const parse = parser();
    expect([...stream].flatMap((letter) => parse(letter))).toEqual(events);
  });

  it('forgets the name of an event without data', () => {
    expect(parser()('event: state\n\ndata: 1\n\n')).toEqual([{ event: 'message', data: '1' }]);
  });

  it('gives up on an event without end', () => {
    const parse = parser();
    const much = 'x'.repeat(1 << 24);
    parse('data: ' + much);
    expect(() => [parse(much), parse(much)]).toThrow();
  });
});
