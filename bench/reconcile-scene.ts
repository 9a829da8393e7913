// Reconcile scene: one node with tunnels of its own, in a network that has many others, and changes of its tunnels.
//
// The others lie at a PoP without a node: what is measured is what records cost that concern this node and records that
// do not, and one machine cannot hold the data planes of ten.

import { type Client, openClient } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { adminContext, raiseLab, type World } from '#internal/testkit/lab/lab.ts';
import { programFile } from '#internal/testkit/programs.ts';
import { popRequest } from '#internal/testkit/requests.ts';
import { atRate, type Pace } from './at-rate.ts';
import { applied, fillTunnels, newPublicKey } from './tunnels.ts';

export const node = 'p1';
const home = 'north';
/** No node of a lab has its number. */
const elsewhere = popRequest(40);
const pools = ['44.64.0.0/12', '2001:db8:4000::/40'];
/** As many as a daemon commits at once, and some that wait. */
const atOnce = 48;
/** As many tunnels has an owner, on average. */
const tunnelsEach = 10;

export interface ReconcileScene extends AsyncDisposable {
  readonly lab: World;
  readonly client: Client;
  /** Tunnels that stand, by where they are placed. */
  readonly standing: { here: number; elsewhere: number };
  /** Registered a second, of the last fill. */
  readonly rates: number[];
}

/** @param flags of Node, for the daemons @param say progress */
export async function raiseReconcile(flags: readonly string[], say: (line: string) => void): Promise<ReconcileScene> {
  const lab = await raiseLab({
    directory: '/tmp/bench',
    clock: realClock,
    nodes: 1,
    daemonArgv: [process.execPath, ...flags, programFile('pop44d')],
    onStep: ({ name, ms }) => say(`  ${name}: ${ms} ms`),
    onGivenUp: (service, reason) => say(`  ${service} stays down: ${reason}`),
  });
  const client = openClient(adminContext(lab), { deadlineMs: 30_000 });
  const dispose = async (): Promise<void> => {
    client.close();
    await lab.stop();
  };
  try {
    for (const prefix of pools) await client.pools.createPool({ prefix });
    await client.fabric.createPop({ pop: elsewhere });
    return { lab, client, standing: { here: 0, elsewhere: 0 }, rates: [], [Symbol.asyncDispose]: dispose };
  } catch (thrown) {
    await dispose();
    throw thrown;
  }
}

const wishAt = (popId: string, owner: number) => ({
  publicKey: newPublicKey(),
  owner: `bench/${popId}/${owner}`,
  homePopId: popId,
  popIds: [popId],
});

/** Until so many stand in each place, and the node has applied them. */
export async function fillUpTo(
  { client, standing, rates }: ReconcileScene,
  wanted: { readonly here: number; readonly elsewhere: number },
  say: (line: string) => void,
): Promise<void> {
  for (const [place, popId] of [
    ['here', home],
    ['elsewhere', elsewhere.id],
  ] as const) {
    const count = wanted[place] - standing[place];
    if (count <= 0) continue;
    const wish = (n: number) => wishAt(popId, Math.floor((standing[place] + n) / tunnelsEach));
    const perSecond = await fillTunnels([client], count, wish, { atOnce, say });
    say(`  ${count} more registered, ${perSecond.toFixed(0)} a second`);
    rates.push(perSecond);
    standing[place] = wanted[place];
  }
  await applied(client);
}

/** Some tunnels of the node: any, as a page of a list gives them. */
export async function tunnelsHere({ client }: ReconcileScene): Promise<readonly string[]> {
  const { tunnels } = await client.tunnels.listTunnels({ pageSize: 1_000 });
  return tunnels.filter(({ popIds }) => popIds.includes(home)).map(({ id }) => id);
}

export const changeKinds = ['created', 'updated', 'deleted'] as const;
export type ChangeKind = (typeof changeKinds)[number];
export type AppliedMs = Readonly<Record<ChangeKind, readonly number[]>>;

/**
 * Changes of tunnels of this node at a pace, by turns: one is created, the firewall of another is changed, and what was
 * created is deleted. Gives for each the milliseconds from its acknowledgement until the node had applied it.
 * @param tunnels of this node, whose firewalls are changed
 */
export async function changes(
  { client }: ReconcileScene,
  tunnels: readonly string[],
  { rate, ms }: Pace,
): Promise<AppliedMs> {
  const created = new Map<number, Promise<string>>();
  const make: Readonly<Record<ChangeKind, (n: number) => Promise<bigint | undefined>>> = {
    async created(n) {
      const creating = client.tunnels.createTunnel(wishAt(home, n));
      created.set(
        n,
        creating.then(({ tunnel }) => tunnel?.id ?? ''),
      );
      return (await creating).changed?.revision;
    },
    async updated(n) {
      const tunnel = tunnels[n % tunnels.length] ?? '';
      const firewall = { presets: ['web'], rules: [{ protocol: 'tcp', firstPort: 1_000 + n, lastPort: 1_000 + n }] };
      return (await client.tunnels.updateTunnel({ tunnel, firewall })).changed?.revision;
    },
    async deleted(n) {
      const tunnel = (await created.get(n - 2)) ?? '';
      return (await client.tunnels.deleteTunnel({ tunnel })).changed?.revision;
    },
  };
  const appliedMs = { created: [] as number[], updated: [] as number[], deleted: [] as number[] };
  const turns = Math.ceil((rate * ms) / 1_000 / changeKinds.length);
  await atRate({ rate, ms: (1_000 * turns * changeKinds.length) / rate }, async (n) => {
    const kind = changeKinds[n % changeKinds.length] ?? 'updated';
    const revision = await make[kind](n);
    const acknowledged = performance.now();
    await applied(client, revision);
    appliedMs[kind].push(performance.now() - acknowledged);
  });
  return appliedMs;
}
