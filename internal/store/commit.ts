// Commit: one decision as one etcd transaction, and what became of it.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import {
  type Compare,
  type Etcd,
  failureCode,
  type Operation as KeyOperation,
  prefixEnd,
  type Txn,
} from '#internal/etcd/etcd.ts';
import type { Operation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Decision, Write } from '#internal/model/record.ts';
import { decodeOperation, encodeOperation, encodeRecord } from './codec.ts';
import { operationKey, recordKey } from './keys.ts';
import type { HourlyLease } from './lease.ts';

export type CommitOutcome =
  | { readonly outcome: 'committed'; readonly revision: bigint }
  /** A record was changed meanwhile; the revision is one at which that is to be seen. */
  | { readonly outcome: 'conflict'; readonly revision: bigint }
  /** The request id was used before; the answer then given, and the revision of its commit. */
  | { readonly outcome: 'repeated'; readonly revision: bigint; readonly operation: Operation };

export interface Remembered {
  readonly operation: Operation;
  /** Of its commit. */
  readonly revision: bigint;
}

const firstPauseMs = 25;
const lastPauseMs = 400;

export function createCommit(etcd: Etcd, lease: HourlyLease, clock: Clock) {
  async function readOperation(requestId: string): Promise<Remembered | undefined> {
    const { entry } = await etcd.get(operationKey(requestId));
    return entry && { operation: decodeOperation(requestId, entry.value), revision: entry.modRevision };
  }

  async function commit(decision: Decision, operation: Operation | undefined): Promise<CommitOutcome> {
    const compares: Compare[] = decision.compares.map(({ kind, id, revision, within }) => {
      const key = recordKey(kind, id);
      if (within === true) return { target: 'create', key, rangeEnd: prefixEnd(key), revision: 0n };
      return { target: 'mod', key, revision };
    });
    const writes = decision.writes.map(keyOperation);
    if (operation === undefined) {
      const { succeeded, revision } = await etcd.txn({ compares, then: writes });
      return { outcome: succeeded ? 'committed' : 'conflict', revision };
    }

    const key = operationKey(operation.requestId);
    const value = encodeOperation(operation);
    const guarded: Compare[] = [...compares, { target: 'create', key, revision: 0n }];
    let untilMs = 0;
    for (let tries = 1; ; tries++) {
      const leaseId = await lease.id();
      const remember = { op: 'put', key, value, leaseId } as const;
      const txn: Txn = { compares: guarded, then: [...writes, remember], otherwise: [{ op: 'get', key }] };
      try {
        const { succeeded, revision, found } = await etcd.txn(txn, (ms) => {
          untilMs = ms;
        });
        if (succeeded) return { outcome: 'committed', revision };
        const [entry] = found;
        if (entry === undefined) return { outcome: 'conflict', revision };
        const before = decodeOperation(operation.requestId, entry.value);
        return { outcome: 'repeated', revision: entry.modRevision, operation: before };
      } catch (thrown) {
        if (failureCode(thrown) === 'no-lease' && tries === 1) {
          lease.forget(leaseId);
          continue;
        }
        if (failureCode(thrown) !== 'ambiguous') throw thrown;
        return settle(operation.requestId, value, untilMs, thrown);
      }
    }
  }

  /**
   * The transaction may have been applied, and until `untilMs` still may be. Its operation's key tells: once it is
   * there, who wrote it; not there after that moment, we do not know, and the same request id may be tried again.
   */
  async function settle(id: string, ours: Uint8Array, untilMs: number, cause: unknown): Promise<CommitOutcome> {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, lastPauseMs)) {
      const askedMs = clock.monotonicMs();
      // Reads may fail for a while; a read of its own is tried for as long as the request was.
      let givesUpMs = untilMs + etcd.deadlineMs;
      try {
        const { entry } = await etcd.get(operationKey(id));
        if (entry !== undefined) {
          const revision = entry.modRevision;
          if (Buffer.compare(entry.value, ours) === 0) return { outcome: 'committed', revision };
          return { outcome: 'repeated', revision, operation: decodeOperation(id, entry.value) };
        }
        givesUpMs = untilMs;
      } catch (thrown) {
        if (failureCode(thrown) !== 'unavailable' && failureCode(thrown) !== 'ambiguous') throw thrown;
      }
      if (askedMs >= givesUpMs) throw new Fault('ambiguous', `operation ${id} may have been carried out`, cause);
      await clock.sleep(pauseMs);
    }
  }

  return { commit, readOperation };
}

function keyOperation(write: Write): KeyOperation {
  const key = recordKey(write.kind, write.id);
  if (write.op === 'delete') return { op: 'delete', key };
  return { op: 'put', key, value: encodeRecord(write.kind, write.id, write.record) };
}
