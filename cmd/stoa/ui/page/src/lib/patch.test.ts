import { describe, expect, it } from 'vitest';
import { merge, type Json } from './patch';

// RFC 7396, appendix A, whole.
const vectors: [Json, Json, Json][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [['a', 'b'], ['c', 'd'], ['c', 'd']],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

describe('merge', () => {
  it.each(vectors)('%j patched by %j is %j', (target, patch, want) => {
    expect(merge(target, patch)).toEqual(want);
  });

  it('keeps what the patch does not name', () => {
    const people = { ann: { mic: true }, ben: { mic: false } };
    const ben = people.ben;
    const after = merge({ people }, { people: { ann: { mic: false } } }) as { people: typeof people };
    expect(after.people).toBe(people);
    expect(after.people.ben).toBe(ben);
  });

  it('adds nothing to what every object has', () => {
    merge({}, JSON.parse('{"__proto__": {"polluted": true}}') as Json);
    expect('polluted' in {}).toBe(false);
  });
});
