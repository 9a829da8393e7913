// Clocks: what time it was for whoever wrote a transaction, where clocks of daemons are set while they write.

import type { Transaction } from './transactions.ts';

type Timestamp = { readonly seconds: bigint; readonly nanos: number };
const msOf = (at: Timestamp | undefined): number =>
  at === undefined ? 0 : Number(at.seconds) * 1_000 + at.nanos / 1e6;

/**
 * Gives for each transaction, in their order, the latest time (Unix time, milliseconds) that the clock of its node has shown until then. A
 * decision is made some time before it is written: where the clock was set back in between, what was decided by the time before looks as
 * if it were too early. While no clock is set it is the time of the transaction.
 */
export function openClocks(): (transaction: Transaction) => number {
  const latest = new Map<string, number>();
  return ({ audits, operations, atMs = 0 }) => {
    const node = audits[0]?.audit?.nodeId ?? '';
    const own = operations.map(({ operation }) => msOf(operation?.at));
    const now = Math.max(atMs, latest.get(node) ?? 0, ...own);
    latest.set(node, now);
    return now;
  };
}
