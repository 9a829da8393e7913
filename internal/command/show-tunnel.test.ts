import { describe, expect, test } from 'vitest';
import type { Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { deletionOf, testKey, threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { altered, type Case, changed, found, named, with3 } from '#internal/testkit/tunnel-requests.ts';
import { findTunnel, toTunnel, tunnelTemplate } from './command.ts';

describe('finding a tunnel', () => {
  const renamed = (n: number, owner: string): readonly RecordEvent[] => {
    const events = tunnelEvents(n, 5n);
    for (const event of events)
      if (event.kind === 'tunnel' && event.stored) Object.assign(event.stored.record, { name: 'home', owner });
    return events;
  };
  const snapshot = changed(with3, ...renamed(1, 'admin/ada'), ...renamed(2, 'admin/bob'));

  test('by id, by owner and name, by a name that only one has', () => {
    expect(found(snapshot, 't2').record.id).toBe('t2');
    expect(found(snapshot, 'admin/bob/home').record.id).toBe('t2');
    expect(found(snapshot, 'tunnel-3').record.id).toBe('t3');
    expect(findTunnel(snapshot, 'home')).toMatchObject({
      refused: 'invalid',
      message: 'tunnel: "home" is the name of 2 tunnels (name it by its id)',
    });
    expect(toTunnel(snapshot, found(snapshot, 't2'))).toMatchObject({
      etag: '5',
      prefixes: ['44.31.0.2/32', '2001:db8:44:2::/64'],
    });
  });

  test("not a record under another's key", () => {
    const poison = changed(snapshot, { kind: 'tunnel', id: 't8', stored: found(snapshot, 't3') });
    expect(findTunnel(poison, 't8')).toMatchObject({ refused: 'not-found' });
  });
});

describe('the template of a file', () => {
  const templateOf = (snapshot: Snapshot, popId = '', endpointIpv6 = false) =>
    tunnelTemplate(snapshot, found(snapshot), { popId, endpointIpv6 });

  test('has all but the private key [T10]', () => {
    expect(templateOf(with3)).toMatchObject({
      addresses: ['44.31.0.1/32', '2001:db8:44:1::1/128'],
      mtu: 1420,
      keepaliveSeconds: 25,
      peerPublicKey: testKey(101),
      endpointAddress: '198.18.200.1',
      endpointPort: 51820,
      allowedIps: ['0.0.0.0/0', '::/0'],
      tunnelId: 't1',
      tunnelName: 'tunnel-1',
    });
  });

  test('reaches any PoP that carries the tunnel, by IPv6 if so wished', () => {
    expect(templateOf(with3, 'p3', true)).toMatchObject({
      endpointAddress: '2001:db8:1:e3::1',
      peerPublicKey: testKey(103),
    });
  });

  const only6 = changed(
    threePops(1),
    ...altered('pop', 'p1', { endpoint4: '' })
      .pops.toArray()
      .map(([id, stored]) => ({ kind: 'pop', id, stored }) as const),
  );
  const without6 = changed(
    threePops(1),
    ...altered('pop', 'p1', { endpoint6: '' })
      .pops.toArray()
      .map(([id, stored]) => ({ kind: 'pop', id, stored }) as const),
  );

  test('falls back to the one endpoint that there is', () => {
    expect(templateOf(only6)).toMatchObject({ endpointAddress: '2001:db8:1:e1::1' });
  });

  const elsewhere = changed(
    with3,
    ...tunnelEvents(1, 5n).map((event) => {
      if (event.kind === 'tunnel' && event.stored?.record.placement) event.stored.record.placement.popIds = ['p1'];
      return event;
    }),
  );
  const cases: readonly Case[] = [
    ['not-found', templateOf(with3, 'p9'), 'tunnel.pop_id: "p9" is no PoP of this network (one that exists)'],
    ['invalid', templateOf(elsewhere, 'p2'), 'tunnel.pop_id: "p2" does not carry the tunnel (one of p1)'],
    ['invalid', templateOf(without6, '', true), 'tunnel.pop_id: "p1" has no IPv6 endpoint (reach it by IPv4)'],
    [
      'not-ready',
      templateOf(changed(with3, ...deletionOf(tunnelEvents(1, 2n)).filter(({ kind }) => kind === 'allocation'))),
      'tunnel: "t1" has no addresses that its allocations back (delete it and create it again)',
    ],
  ];
  test.each(named(cases))('$message', ({ reason, outcome, message }) => {
    expect(outcome).toMatchObject({ refused: reason, message });
  });
});
