// Rates: what a tunnel may send and receive, and what a node's uplink carries.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Snapshot } from '#internal/model/model.ts';

/** A call in G.711 is 64 kbit/s (ITU-T G.711); below it a full packet of a tunnel takes longer than 0.18 s. */
const leastTunnelRate = 64_000n;
/** What the queues of a megabit still share out; below it 64 kbit/s a tunnel leave nothing to share. */
const leastUplink = 1_000_000n;
/** 100GBASE, the fastest port that a machine of this kind has; the root class of a node without a known uplink has it. */
const mostRate = 100_000_000_000n;

/** In the unit that divides it, as the command line takes it. */
function rateWords(bitPerSecond: bigint): string {
  for (const [unit, size] of [
    ['G', 1_000_000_000n],
    ['M', 1_000_000n],
    ['k', 1_000n],
  ] as const)
    if (bitPerSecond > 0n && bitPerSecond % size === 0n) return `${bitPerSecond / size}${unit}`;
  return String(bitPerSecond);
}

function within(field: string, value: bigint, least: bigint, none: string): Refusal | undefined {
  if (value === 0n || (value >= least && value <= mostRate)) return undefined;
  const cure = `${least} to ${mostRate} bit/s; 0: ${none}`;
  return refuse('invalid', { field, value: String(value), problem: 'is out of range', cure });
}

export const uplinkField = (value: bigint): Refusal | undefined =>
  within('node.uplink_bit_per_second', value, leastUplink, 'not known');

export interface Rates {
  readonly rateUpBitPerSecond?: bigint | undefined;
  readonly rateDownBitPerSecond?: bigint | undefined;
}

/** Rates of a tunnel that these PoPs carry; those left out are not judged. O(nodes). */
export function ratesField(
  snapshot: Snapshot,
  { rateUpBitPerSecond = 0n, rateDownBitPerSecond = 0n }: Rates,
  popIds: readonly string[],
): Refusal | undefined {
  const wanted = [
    ['tunnel.rate_up_bit_per_second', rateUpBitPerSecond],
    ['tunnel.rate_down_bit_per_second', rateDownBitPerSecond],
  ] as const;
  for (const [field, value] of wanted) {
    const refusal = within(field, value, leastTunnelRate, 'unshaped');
    if (refusal !== undefined) return refusal;
  }
  const fastest = rateUpBitPerSecond > rateDownBitPerSecond ? 0 : 1;
  const [field, value] = wanted[fastest];
  if (value === 0n) return undefined;
  for (const { record: node } of snapshot.nodes.values()) {
    const uplink = node.uplinkBitPerSecond;
    if (uplink === 0n || value <= uplink || !popIds.includes(node.popId)) continue;
    const problem = `is more than the uplink of node ${node.id} carries`;
    return refuse('invalid', {
      field,
      value: String(value),
      problem,
      cure: `at most ${uplink} (${rateWords(uplink)})`,
    });
  }
  return undefined;
}
