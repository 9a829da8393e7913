// Capacity memory: what a tunnel more weighs in the processes of a node that has some, when these are at rest.

import { realClock } from '#internal/clock/clock.ts';
import { home, node, raiseCapacity, wireguardPid } from './capacity-scene.ts';
import type { BenchOptions } from './main.ts';
import { rssBytes } from './process.ts';
import { type Curve, figure, type Outcome, type Point } from './report.ts';
import { applied, createTunnels, newPrivateKey } from './tunnels.ts';

const counts = [0, 1_000, 10_000] as const;
const quickCounts = [0, 200, 1_000] as const;
/** Three looks of the daemons for whether they rest, after which they have given back what they do not hold (cmd/pop44d/memory.ts). */
const restMs = 62_000;

interface Weights {
  readonly tunnels: number;
  readonly daemon: number;
  readonly dataplane: number;
  readonly wireguard: number;
}

const mebibytes = (bytes: number): number => bytes / 2 ** 20;

function memoryCurve(weights: readonly Weights[]): Curve {
  const points = (part: (weights: Weights) => number): readonly Point[] =>
    weights.map((one) => [one.tunnels, mebibytes(part(one))]);
  return {
    title: 'Resident memory of a node by its tunnels',
    x: { label: 'tunnels', scale: 'linear' },
    y: { label: 'MiB', scale: 'linear' },
    series: [
      { name: 'pop44d', points: points(({ daemon }) => daemon) },
      { name: 'its privileged half', points: points(({ dataplane }) => dataplane) },
      { name: 'wireguard-go', points: points(({ wireguard }) => wireguard) },
    ],
    bands: [],
  };
}

export async function capacityMemory({ quick, say }: BenchOptions): Promise<Outcome> {
  await using scene = await raiseCapacity(say);
  const { lab, client } = scene;
  const weights: Weights[] = [];
  let made = 0;
  for (const tunnels of quick ? quickCounts : counts) {
    const keys = Array.from({ length: tunnels - made }, newPrivateKey);
    await createTunnels(client, keys, { homePopId: home });
    await applied(client);
    made = tunnels;
    await realClock.sleep(restMs);
    const of = (name: string): Promise<number> => rssBytes(lab.service(`${node}-${name}`).pid() ?? Number.NaN);
    const now = {
      tunnels,
      daemon: await of('daemon'),
      dataplane: await of('dataplane'),
      wireguard: await rssBytes(await wireguardPid()),
    };
    weights.push(now);
    const [daemon, dataplane, wireguard] = [now.daemon, now.dataplane, now.wireguard].map((bytes) =>
      mebibytes(bytes).toFixed(0),
    );
    say(
      `  ${tunnels} tunnels: pop44d ${daemon} MiB, its privileged half ${dataplane} MiB, wireguard-go ${wireguard} MiB`,
    );
  }
  const last = weights.at(-1);
  const perTunnel = (part: (weights: Weights) => number, since = weights.at(-2)): number =>
    since === undefined || last === undefined
      ? Number.NaN
      : (part(last) - part(since)) / (last.tunnels - since.tunnels);
  const halves = ({ daemon, dataplane }: Weights): number => daemon + dataplane;
  return {
    figures: {
      // Of a thousand the young heap's ups and downs say more than the tunnels.
      bytes_per_tunnel: figure(perTunnel(halves), 'bytes', quick ? '' : '<= 8000'),
      // With what the first ones brought along: code that had not run before, and what V8 keeps for it.
      bytes_per_tunnel_from_none: figure(perTunnel(halves, weights[0]), 'bytes', ''),
      bytes_per_tunnel_privileged_half: figure(
        perTunnel(({ dataplane }) => dataplane),
        'bytes',
        '',
      ),
      bytes_per_tunnel_wireguard_go: figure(
        perTunnel(({ wireguard }) => wireguard),
        'bytes',
        '',
      ),
    },
    curves: [memoryCurve(weights)],
  };
}
