import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Asked, causeOf, type Explained, type ReachFacts } from './reach.ts';

const nowMs = 1_800_000_000_000;
const passes: Explained = {
  ...{ verdict: 'passes', where: 'session', rule: 'last handshake 20 s ago', cure: '', difference: '', held: '' },
  handshakeMs: nowMs - 20_000,
};
const dropped = (where: string, rule: string, cure = ''): Explained => ({
  ...{ ...passes, verdict: 'dropped', where, rule, cure, handshakeMs: 0 },
});
const silent: Asked = { port: 0, how: '', problem: '' };
const facts: ReachFacts = {
  asked: silent,
  tunnel: { ref: 'shack', enabled: true },
  place: { popId: 'north', nodeId: 'p1', applied: true },
  explained: passes,
  direct: 'silent',
  echoed: undefined,
  nowMs,
};
const tcp = { ...silent, port: 80 };
const rule = 'no preset or rule admits ping from 198.18.2.2 (firewall: web)';

const cases: readonly (readonly [
  name: string,
  change: Partial<ReachFacts>,
  cause: string,
  says: RegExp,
  cure: RegExp,
])[] = [
  ['an echo', { asked: { ...silent, how: 'echo', rttMs: 12.3 } }, 'reachable', /^it answers in 12 ms$/, /^$/],
  ['a near one', { asked: { ...silent, how: 'echo', rttMs: 0.42 } }, 'reachable', /0\.4 ms/, /^$/],
  ['an open port', { asked: { ...tcp, how: 'open', rttMs: 30 } }, 'reachable', /port 80 is open, in 30 ms/, /^$/],
  [
    'a port that refuses',
    { asked: { ...tcp, how: 'refused', rttMs: 30 } },
    'refused',
    /nothing listens on port 80/,
    /80/,
  ],
  [
    'suspended',
    { tunnel: { ref: 'shack', enabled: true, suspendedFor: 'open relay' }, explained: undefined },
    'suspended',
    /operators have stopped the tunnel: open relay/,
    /operators/,
  ],
  ['disabled', { tunnel: { ref: 'shack', enabled: false } }, 'disabled', /switched off/, /^pop44 tunnel enable shack$/],
  [
    'the place is away',
    { place: { popId: 'north', nodeId: '', applied: false }, explained: undefined, direct: undefined },
    'pop-away',
    /no node of north/,
    /^$/,
  ],
  ['the brake', { explained: { ...passes, held: '60 peers would go' } }, 'brake', /p1 holds .*: 60 peers/, /operators/],
  ['not applied', { place: { ...facts.place, applied: false } }, 'not-applied', /p1 has not carried out/, /again/],
  [
    'robbed by another',
    { explained: { ...passes, difference: 'route: x' } },
    'not-applied',
    /mends itself: route: x/,
    /again/,
  ],
  ['nobody could ask', { asked: { ...silent, problem: 'busy' } }, 'not-asked', /nobody could ask: busy/, /again/],
  ['the firewall', { explained: dropped('firewall', rule, 'pop44 x') }, 'firewall', /firewall: no preset/, /^pop44 x$/],
  ['given up', { explained: dropped('blackhole', '44.31.0.7 is given up') }, 'given-up', /given up this address/, /^$/],
  ['never connected', { explained: dropped('session', 'x') }, 'no-session', /no device has connected/, /WireGuard/],
  [
    'a session that is over',
    { explained: { ...passes, handshakeMs: nowMs - 720_000 } },
    'no-session',
    /last handshake was 12 min ago/,
    /WireGuard/,
  ],
  ['another step', { explained: dropped('receiver', 'no peer for shack') }, 'dropped', /^no peer for shack$/, /^$/],
  ['a silent device', {}, 'no-reply', /connected \(last handshake 20 s ago\) and does not answer/, /firewall/],
  ['a device that answers its node alone', { direct: 4.2 }, 'not-led', /answers p1 itself \(4\.2 ms\)/, /AllowedIPs/],
  [
    'an old handshake, and it answers',
    { direct: 4, explained: { ...passes, handshakeMs: 1 } },
    'not-led',
    /answers p1/,
    /./,
  ],
  [
    'a silent port of one that answers',
    { asked: tcp, direct: 4, echoed: true },
    'no-reply',
    /nothing on port 80/,
    /80/,
  ],
  ['a silent port behind a lost way', { asked: tcp, direct: 4, echoed: false }, 'not-led', /answers p1 itself/, /./],
  ['a node that does not say', { explained: undefined, direct: undefined }, 'no-reply', /p1 does not say why/, /^$/],
];

test.each(cases)('%s', (...given) => {
  const [, change, cause, says, cure] = given;
  const found = causeOf({ ...facts, ...change });
  expect(found).toEqual({
    cause,
    reason: expect.stringMatching(says) as unknown,
    cure: expect.stringMatching(cure) as unknown,
  });
});

test('what answers is reached, whatever else is known; what does not has a cause that is not that', () => {
  const explained = fc.option(
    fc.record({
      verdict: fc.constantFrom('passes', 'dropped', 'rejected'),
      where: fc.constantFrom('table', 'firewall', 'session', 'blackhole', 'route'),
      rule: fc.string(),
      cure: fc.string(),
      difference: fc.constantFrom('', 'x'),
      held: fc.constantFrom('', 'x'),
      handshakeMs: fc.constantFrom(0, 1, nowMs),
    }),
    { nil: undefined },
  );
  const any = fc.record({
    tunnel: fc.record({ ref: fc.string(), enabled: fc.boolean() }),
    place: fc.record({ popId: fc.string(), nodeId: fc.constantFrom('', 'p1'), applied: fc.boolean() }),
    explained,
    direct: fc.constantFrom<ReachFacts['direct']>(undefined, 'silent', 3),
    echoed: fc.constantFrom(undefined, true, false),
    nowMs: fc.constant(nowMs),
  });
  fc.assert(
    fc.property(any, fc.constantFrom(0, 80), (known, port) => {
      const how = port === 0 ? 'echo' : 'open';
      expect(causeOf({ ...known, asked: { port, how, rttMs: 1, problem: '' } }).cause).toBe('reachable');
      const found = causeOf({ ...known, asked: { port, how: '', problem: '' } });
      expect(found.cause).not.toBe('reachable');
    }),
  );
});
