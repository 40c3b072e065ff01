import { expect, test } from 'vitest';
import { requestFor, type Act } from './acts';

const of = (what: Act, reason = '', keepLink = false) => requestFor({ room: 'R', person: 'P', what, reason, keepLink });

test.each([
  [of('mute'), { verb: 'mute', room: 'R', args: ['P'] }],
  [of('unmute', 'ignored', true), { verb: 'unmute', room: 'R', args: ['P'] }],
  [of('down'), { verb: 'stage', room: 'R', args: ['drop', 'P'] }],
  [of('kick'), { verb: 'kick', room: 'R', args: ['P'] }],
  [of('ban', ' shouts ', true), { verb: 'ban', room: 'R', args: ['P'], reason: 'shouts', keep_link: true }],
  [of('pardon'), { verb: 'pardon', room: 'R', args: ['P'] }],
  [of('block', 'spam'), { verb: 'block', args: ['P'], reason: 'spam' }],
  [of('unblock'), { verb: 'unblock', args: ['P'] }],
])('the verb is %j', (is, wanted) => expect(is).toEqual(wanted));
