import { expect, test } from 'vitest';
import { wayIn } from './way.ts';

// As iproute2 6.1 printed them (ip -N -j -d route get fibmatch).
test.each([
  [
    'a route of ours',
    '[{"type":"1","dst":"44.31.0.0/22","dev":"p44w0","table":"4401","protocol":"44","scope":"253","flags":[]}]',
    { type: 'unicast', prefix: '44.31.0.0/22', dev: 'p44w0', via: '', by: '44' },
  ],
  [
    'the default route',
    '[{"type":"1","dst":"default","gateway":"10.9.0.7","dev":"d0","table":"100","protocol":"12","scope":"0","flags":[]}]',
    { type: 'unicast', prefix: '0.0.0.0/0', dev: 'd0', via: '10.9.0.7', by: '12' },
  ],
  [
    'equal paths',
    '[{"type":"1","dst":"44.31.0.9","table":"100","protocol":"3","nexthops":[{"gateway":"10.9.0.2","dev":"d0","weight":1},{"gateway":"10.9.0.3","dev":"d1","weight":1}]}]',
    { type: 'unicast', prefix: '44.31.0.9/32', dev: 'd0', via: '10.9.0.2', by: '3' },
  ],
  [
    'a next hop of the other family',
    '[{"type":"1","dst":"44.31.0.10","via":{"family":"inet6","host":"2001:db8::2"},"dev":"d0","protocol":"3"}]',
    { type: 'unicast', prefix: '44.31.0.10/32', dev: 'd0', via: '2001:db8::2', by: '3' },
  ],
  [
    'an own address',
    '[{"type":"2","dst":"10.9.0.1","dev":"lo","table":"255","protocol":"2"}]',
    { type: 'local', prefix: '10.9.0.1/32', dev: 'lo', via: '', by: '2' },
  ],
])('%s', (_, stdout, way) => {
  expect(wayIn(stdout, '', '44.31.0.9/32')).toEqual(way);
});

test.each([
  ['Invalid argument', 'blackhole'],
  ['No route to host', 'unreachable'],
  ['Network is unreachable', 'none'],
])('a lookup that fails with "%s" is %s', (reason, type) => {
  expect(wayIn('', `RTNETLINK answers: ${reason}\n`, '44.31.0.9/32')).toMatchObject({ type, dev: '' });
});

test('what nobody knows is a fault, no verdict', () => {
  expect(() => wayIn('', 'Cannot open network namespace', '44.31.0.9/32')).toThrow('Cannot open');
});
