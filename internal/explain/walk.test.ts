import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Dataplane, Item } from '#internal/dataplane/dataplane.ts';
import { desired } from '#internal/desired/desired.ts';
import { policyOf } from '#internal/firewall/firewall.ts';
import { FirewallSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { contains, hostPrefix, type IpAddress, type Prefix, parseAddress } from '#internal/netip/netip.ts';
import { threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { changed } from '#internal/testkit/tunnel-requests.ts';
import { type Answer, type Asked, kernelWalk, plannedPlane, type Scene, walk } from './explain.ts';

const address = (text: string): IpAddress => {
  const parsed = parseAddress(text);
  if (typeof parsed !== 'string') throw new TypeError(text);
  return parsed;
};

interface Rule {
  readonly protocol: number;
  readonly firstPort: number;
  readonly lastPort: number;
  readonly source: string;
}
interface Flow {
  readonly from: string;
  readonly port: number;
}

function made(presets: readonly string[], rules: readonly Rule[], { from, port }: Flow) {
  const firewall = create(FirewallSchema, { presets: [...presets], rules: [...rules] });
  const events = tunnelEvents(1, 9n).filter(({ kind }) => kind === 'tunnel');
  for (const { stored } of events) Object.assign(stored?.record ?? {}, { firewall });
  const snapshot = changed(threePops(1), ...events);
  const record = snapshot.tunnels.get('t1')?.record;
  const to = address(record?.prefixes.find(({ prefix }) => prefix.endsWith('/32'))?.prefix.split('/')[0] ?? '');
  const dataplane = desired(snapshot, { nodeId: 'p1', interconnectKeyFile: '/k' }, new Set<string>());
  const scene: Scene = {
    nodeId: 'p1',
    packet: { family: 4, from: address(from), to, protocol: 6, port },
    enters: 'outside',
    target: {
      id: 't1',
      ref: 'station',
      publicKeys: [record?.publicKey ?? ''],
      policy: policyOf(firewall),
      link: 'p44w0',
    },
    nobody: '',
    units: [32],
    space: ['44.31.0.0/22'],
    table: 4401,
    ruleset: dataplane.ruleset.get('pop')?.text,
    nowMs: 0,
  };
  return { dataplane, scene, to };
}

const sources = ['', '203.0.113.0/24', '203.0.112.0/20', '203.0.113.9/32', '198.51.0.0/16', '0.0.0.0/0'];
const rule: fc.Arbitrary<Rule> = fc
  .record({ port: fc.integer({ min: 1, max: 40 }), width: fc.nat(20), source: fc.constantFrom(...sources) })
  .map(({ port, width, source }) => ({ protocol: 6, firstPort: port, lastPort: port + width, source }));
const flow: fc.Arbitrary<Flow> = fc.record({
  from: fc.constantFrom('203.0.113.9', '203.0.113.10', '203.0.112.1', '198.51.100.7', '8.8.8.8'),
  port: fc.integer({ min: 1, max: 60 }),
});

test('a walk over the elements says what the rules mean, no more and no less [S2]', () => {
  const counted = { passes: 0, dropped: 0 };
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), fc.boolean(), flow, (rules, ssh, each) => {
      const wanted =
        (ssh && each.port === 22) ||
        rules.some(
          ({ firstPort, lastPort, source }) =>
            each.port >= firstPort &&
            each.port <= lastPort &&
            (source === '' || contains(source as Prefix, hostPrefix(address(each.from)))),
        );
      const { dataplane, scene } = made(ssh ? ['ssh'] : [], rules, each);
      const { verdict } = walk(plannedPlane(dataplane, scene), scene);
      counted[wanted ? 'passes' : 'dropped'] += 1;
      expect(verdict).toBe(wanted ? 'passes' : 'dropped');
    }),
    { numRuns: 300 },
  );
  // A law about nothing would hold as well.
  expect(Math.min(counted.passes, counted.dropped)).toBeGreaterThan(30);
});

/** A kernel that holds this, and counts how often it is asked. */
function kernelOf(dataplane: Dataplane) {
  const rounds: number[] = [];
  const ask = async (keys: readonly Asked[]): Promise<Answer> => {
    rounds.push(keys.length);
    const items = keys.flatMap(([kind, key]) => {
      const value = dataplane[kind].get(key);
      return value === undefined ? [] : [[kind, value] as Item];
    });
    const way = { type: 'unicast', prefix: '44.31.0.0/24', dev: 'p44w0', via: '', by: '44' } as const;
    return { items, way, sessions: [{ publicKey: 'k', handshakeMs: 0, endpoint: '' }] };
  };
  return { ask, rounds };
}

test('a kernel as planned is asked once, one that leads elsewhere until all is known', async () => {
  const each = { from: '203.0.113.9', port: 22 };
  const closed = made([], [], each);
  const open = made([], [{ protocol: 6, firstPort: 20, lastPort: 25, source: '203.0.113.0/24' }], each);
  const first = (plan: typeof closed): readonly Asked[] => {
    const plane = plannedPlane(plan.dataplane, plan.scene);
    walk(plane, plan.scene);
    return [...plane.read.values()];
  };
  const same = kernelOf(open.dataplane);
  await kernelWalk(open.scene, first(open), same.ask);
  expect(same.rounds).toHaveLength(1);
  const other = kernelOf(open.dataplane);
  const walked = await kernelWalk(closed.scene, first(closed), other.ask);
  expect(other.rounds.length).toBeGreaterThan(1);
  expect(walked?.steps.find(({ where }) => where === 'firewall')).toMatchObject({
    verdict: 'passes',
    rule: expect.stringContaining('@203.0.113.0/24') as unknown,
  });
});

test('both links of an interconnect lead on to the other node [T6]', () => {
  const { dataplane, scene } = made([], [], { from: '203.0.113.9', port: 22 });
  for (const dev of ['p44i-p1-p2', 'p44j-p1-p2', 'p44i-0123abcd', 'p44j-0123abcd']) {
    const way = { type: 'unicast', prefix: '44.31.1.0/24', dev, via: '172.30.0.1', by: '12' } as const;
    const { steps } = walk({ ...plannedPlane(dataplane, scene), way }, scene);
    expect([dev, steps.at(-1)]).toMatchObject([dev, { verdict: 'passes', rule: 'to our addresses, by the fabric' }]);
  }
});

test('a kernel without our table filters nothing, and is told so', () => {
  const { dataplane, scene } = made([], [], { from: '203.0.113.9', port: 22 });
  const bare = { ...dataplane, ruleset: new Map(), element: new Map() };
  const { verdict, steps } = walk(plannedPlane(bare, scene), scene);
  expect([verdict, steps[0]?.rule]).toEqual(['passes', expect.stringContaining('is missing')]);
});
