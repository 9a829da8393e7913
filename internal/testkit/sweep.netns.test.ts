//   One lab; `npm run sweep` asks every TCP port of every address, which takes minutes, `npm test` every listener and
//   200 ports by chance.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Plane } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { eventually } from './eventually.ts';
import type { Reached } from './prober.ts';
import { randomFrom } from './random.ts';
import { node, raiseSweep, sides, type Sweep, vantages } from './sweep.ts';
import { isAllowed } from './sweep-allowed.ts';

const whole = process.env['POP44_SWEEP'] === 'whole';
/** Milliseconds that a port may be silent: everything is on one machine, which may be busy. */
const waitMs = 700;
const both = ['tcp', 'udp'] as const;

const random = randomFrom(44);
const byChance = Array.from({ length: 200 }, () => 1 + Math.floor(random() * 65_535));

let sweep: Sweep;
beforeAll(async () => {
  sweep = await raiseSweep('/tmp/sweep');
}, 60_000);
afterAll(() => sweep?.stop());

const shown = (from: string, to: string, { protocol, address, port, how }: Reached): string =>
  `${from} to ${to}: ${protocol} ${address} ${port} ${how}`;

interface Findings {
  readonly holes: string[];
  /** What is allowed and answered: a sweep that reaches nothing at all has not swept. */
  readonly reached: Set<string>;
}
const findings = (): Findings => ({ holes: [], reached: new Set() });

async function sweepOnce(ports: readonly number[], into: Findings): Promise<void> {
  await Promise.all(
    vantages.map(async (from) => {
      for (const to of sides) {
        const addresses = await sweep.addresses(to);
        const asked = [...new Set([...(await sweep.listeners(to)), ...ports])];
        for (const each of await sweep.ask(from, { addresses, ports: asked, protocols: both, waitMs })) {
          if (isAllowed(from, to, each)) into.reached.add(`${from} to ${to}: ${each.protocol} ${each.port}`);
          else into.holes.push(shown(from, to, each));
        }
      }
    }),
  );
}

/** Sweeps the listeners again and again while `work` goes on, and once more. */
async function sweepDuring(work: () => Promise<void>): Promise<Findings> {
  const into = findings();
  let done = false;
  const working = work().finally(() => {
    done = true;
  });
  while (!done) await sweepOnce([], into);
  await working;
  await sweepOnce([], into);
  return into;
}

test('the sweep sees: there are listeners on both sides, and the neighbour on record is let in', async () => {
  const listeners = await sweep.listeners('transport');
  // BGP, etcd's two, API, metrics, WireGuard, the mesh, our canary.
  for (const port of [179, 2379, 2380, 4440, 9440, 51820, 51844, 7007]) expect(listeners).toContain(port);
  expect(await sweep.listeners('pop')).toEqual(expect.arrayContaining([179, 7007]));
  const ask = { addresses: [node.underlay4, node.underlay6], ports: [179], protocols: ['tcp'] as const, waitMs };
  expect(await sweep.ask('upstream', ask)).toHaveLength(2);
});

test('nothing answers a stranger but what is allowed: listeners, and ports by chance [S1]', async () => {
  const into = findings();
  await sweepOnce(byChance, into);
  expect(into.holes).toEqual([]);
  expect(into.reached).toContain('upstream to transport: tcp 179');
});

test('nor while rulesets are replaced and BIRD is configured anew [S1]', async () => {
  const ruleset = async (): Promise<string> =>
    (await sweep.lab.exec(node.transport, ['nft', '-s', '-t', 'list', 'chain', 'inet', 'pop44', 'input'])).stdout;
  const before = await ruleset();
  const { holes } = await sweepDuring(async () => {
    await sweep.client.fabric.createUpstream({
      upstream: {
        id: 'second-transport',
        nodeId: node.id,
        plane: Plane.TRANSPORT,
        neighbor4: '198.18.1.9',
        neighborAsn: 64501,
        bfd: true,
      },
    });
    await sweep.client.pools.createPool({ prefix: '44.40.0.0/22' });
    await eventually(async () => (await ruleset()) !== before, 20_000);
  });
  expect(holes).toEqual([]);
  expect(await ruleset()).toContain('198.18.1.9');
});

test('nor while the privileged half is killed and comes back [S1]', async () => {
  const service = sweep.lab.service(`${node.id}-dataplane`);
  const restarts = service.restarts();
  const { holes } = await sweepDuring(async () => {
    process.kill(service.pid() ?? 0, 'SIGKILL');
    await eventually(() => service.restarts() > restarts, 10_000);
    await sweep.client.pools.createPool({ prefix: '44.41.0.0/22' });
    await eventually(async () => {
      const { nodes } = await sweep.client.status.getStatus({});
      return nodes.some(({ node: of, failingSteps }) => of?.id === node.id && failingSteps === 0);
    }, 20_000);
  });
  expect(holes).toEqual([]);
});

const everyPort = Array.from({ length: 65_535 }, (_, at) => at + 1);
test.each(whole ? ['every TCP port of every address'] : [])(
  '%s [S1]',
  async () => {
    const holes: string[] = [];
    await Promise.all(
      vantages.map(async (from) => {
        for (const to of sides) {
          const addresses = await sweep.addresses(to);
          const found = await sweep.ask(from, { addresses, ports: everyPort, protocols: ['tcp'], waitMs: 400 });
          holes.push(...found.filter((each) => !isAllowed(from, to, each)).map((each) => shown(from, to, each)));
        }
      }),
    );
    expect(holes).toEqual([]);
  },
  540_000,
);
