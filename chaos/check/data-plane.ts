// Data plane: packets that came back while parts of a lab were away, and whether nodes hold what the records say.

import type { DoneFault } from '../fault.ts';
import type { Holding, Probe } from '../history.ts';
import type { Court } from './invariant.ts';

/** Of the pings of 20 ms: the moment of a reply's request is known to this much. */
const blurredMs = 300;

/**
 * Moments at which pings were sent that nobody answered: between those of the answered ones before and after. The last may be on its way
 * when the probe ends.
 */
function lostAt({ beganNs, intervalMs, sent, answered, sentMs }: Probe): readonly number[] {
  const lost: number[] = [];
  let before = { sequence: 0, ms: 0 };
  const loseUpTo = (sequence: number, stepMs: number): void => {
    for (let each = before.sequence + 1; each < sequence; each += 1)
      lost.push(beganNs / 1e6 + before.ms + (each - before.sequence) * stepMs);
  };
  for (const [at, sequence] of answered.entries()) {
    const ms = sentMs[at] ?? sequence * intervalMs;
    loseUpTo(sequence, (ms - before.ms) / (sequence - before.sequence));
    before = { sequence, ms };
  }
  loseUpTo(sent, intervalMs);
  return lost;
}

/**
 * Nothing is lost outside of faults, nor during those that take away nothing that carries packets.
 * @param untouched kinds of them. `beganNs`: the faults' times count from there
 */
export function judgeProbes(
  court: Court,
  probes: readonly Probe[],
  {
    faults,
    beganNs,
    untouched,
  }: { faults: readonly DoneFault<string>[]; beganNs: number; untouched: ReadonlySet<string> },
): void {
  const began = beganNs / 1e6;
  const touching = faults.filter(({ kind }) => !untouched.has(kind));
  for (const probe of probes) {
    const lost = lostAt(probe);
    const blamed = lost.map((ms) => touching.find((fault) => within(fault, ms - began)));
    for (const fault of faults.filter(({ kind }) => untouched.has(kind))) {
      const own = lost.filter((ms, at) => blamed[at] === undefined && within(fault, ms - began));
      court.check('untouched', own.length === 0, () => {
        return `${own.length} packets ${probe.direction} were lost to ${fault.kind} at ${fault.target}`;
      });
    }
    const loose = lost.filter(
      (ms, at) => blamed[at] === undefined && !faults.some((fault) => within(fault, ms - began)),
    );
    court.check('untouched', loose.length === 0, () => {
      const at = (((loose[0] ?? began) - began) / 1_000).toFixed(1);
      return `${loose.length} packets ${probe.direction} were lost to nothing, the first at ${at} s`;
    });
  }
}

const within = ({ at, healedAt, restedAt }: DoneFault<string>, ms: number): boolean =>
  ms >= at - blurredMs && ms <= (restedAt ?? healedAt) + blurredMs;

export function judgeHoldings(court: Court, holdings: readonly Holding[]): void {
  for (const { node, problem, atMs } of holdings)
    court.check('data-plane', problem === '', () => `${node}, ${(atMs / 1_000).toFixed(1)} s into the run: ${problem}`);
}
