// Fault run: carries out planned faults at their times, each beside the others, and heals everything in the end.

import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { type DoneFault, etcdLeader, faultTable, type PlannedFault } from './fault.ts';
import { doneWithinMs, etcdLeaderOf, untilDone } from './etcdctl.ts';
import { beginFault, type Heal, healAll } from './fault-begin.ts';
import { memberBackMs } from './fault-schedule.ts';

export interface FaultRunOptions {
  readonly clock: Clock;
  /** Aborted: what goes on is healed at once, what has not begun is left out. */
  readonly signal?: AbortSignal;
  /** Told when one begins and when it is over (then `healedAt` is there). */
  readonly onFault?: (fault: PlannedFault | DoneFault) => void;
  /** See Victim. */
  readonly recorded?: () => bigint;
  /** Milliseconds that the daemons may take to answer after all was healed; default 20,000. */
  readonly answeringWithinMs?: number;
}

const usualAnsweringMs = 20_000;

/**
 * Done when all faults are over, everything is healed and every daemon answers. One member of etcd is out at a time, in the order given: one
 * that is late makes the next late. A fault that could not be done says so
 * in `problem` and stops nothing.
 * @returns in the order in which they began
 * @throws when a daemon does not answer in the end
 */
export async function runFaults(
  cluster: Cluster,
  planned: readonly PlannedFault[],
  options: FaultRunOptions,
): Promise<readonly DoneFault[]> {
  const { clock, signal, recorded, onFault = () => {} } = options;
  const victim = { cluster, clock, ...(recorded && { recorded }) };
  const began = clock.monotonicMs();
  const now = (): number => Math.round(clock.monotonicMs() - began);
  const until = (ms: number): Promise<void> => clock.sleep(Math.max(0, ms - now()), signal).catch(() => undefined);

  /** When the last fault of a member is over, and it has had time to come back: some take longer to heal than was planned. */
  let membersBack: Promise<unknown> = Promise.resolve();
  async function inTurn(fault: PlannedFault): Promise<readonly DoneFault[]> {
    if (faultTable[fault.kind].reach !== 'member') return carryOut(fault, Promise.resolve());
    const done = carryOut(fault, membersBack);
    membersBack = done.then(async () => clock.sleep(memberBackMs, signal)).catch(() => undefined);
    return done;
  }

  async function carryOut(fault: PlannedFault, turn: Promise<unknown>): Promise<readonly DoneFault[]> {
    await Promise.all([until(fault.at), turn]);
    if (signal?.aborted === true) return [];
    const at = now();
    let { target } = fault;
    let heal: Heal | undefined;
    let problem: string | undefined;
    try {
      if (target === etcdLeader) target = await untilDone(() => etcdLeaderOf(cluster), doneWithinMs, clock);
      onFault({ ...fault, target, at });
      heal = await beginFault(fault.kind, target, victim);
      await until(at + fault.durationMs);
    } catch (thrown) {
      problem = messageOf(thrown);
    }
    try {
      await heal?.();
    } catch (thrown) {
      problem = messageOf(thrown);
    }
    const done: DoneFault = { ...fault, target, at, healedAt: now(), ...(problem === undefined ? {} : { problem }) };
    onFault(done);
    return [done];
  }

  try {
    return (await Promise.all(planned.map(inTurn))).flat().sort((a, b) => a.at - b.at);
  } finally {
    await healAll(cluster, options.answeringWithinMs ?? usualAnsweringMs);
  }
}
