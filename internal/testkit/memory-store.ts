// Memory store: one store for several heads, for tests. Refuses what etcd refuses: a transaction whose compares do not
// hold, and more than 128 compares or writes.

import { Fault } from '#internal/errors/errors.ts';
import type { Operation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { emptySnapshot, fold } from '#internal/model/model.ts';
import type { Batch, Decision, RecordEvent } from '#internal/model/record.ts';
import type { Head, SubmitStore } from '#internal/submit/submit.ts';
import { createHead } from '#internal/submit/submit.ts';

/** A daemon's side of a store: what it commits to, and the head that its watch advances. */
export interface StoreSide {
  readonly store: SubmitStore;
  readonly head: Head;
  /** The watch stands still until resume. */
  pause(): void;
  resume(): void;
}

export interface MemoryStore extends SubmitStore {
  /** A daemon that follows. */
  follower(onAdvance?: (snapshot: Snapshot) => void): StoreSide;
  /** Of the next commits, one each: answers that get lost, before or after the transaction; a store that is away. */
  readonly faults: ('lost-before' | 'lost-after' | 'away' | 'silent')[];
  readonly commits: Decision[];
}

const mostOperations = 128;

export function memoryStore(): MemoryStore {
  let revision = 1n;
  const revisions = new Map<string, bigint>();
  const operations = new Map<string, { operation: Operation; revision: bigint }>();
  const history: Batch[] = [{ revision, relisted: true, events: [] }];
  const followers = new Set<() => void>();
  const faults: MemoryStore['faults'] = [];
  const commits: Decision[] = [];

  function transaction(decision: Decision, operation: Operation): Awaited<ReturnType<SubmitStore['commit']>> {
    commits.push(decision);
    // The operation's own compare and put count too.
    if (Math.max(decision.compares.length, decision.writes.length) + 1 > mostOperations) {
      throw new RangeError('too many operations in a transaction');
    }
    const before = operations.get(operation.requestId);
    if (before !== undefined) return { outcome: 'repeated', ...before };
    for (const { kind, id, revision: wanted, within } of decision.compares) {
      if (within === true) {
        if ([...revisions.keys()].some((key) => key.startsWith(`${kind}/${id}`)))
          return { outcome: 'conflict', revision };
      } else if ((revisions.get(`${kind}/${id}`) ?? 0n) !== wanted) return { outcome: 'conflict', revision };
    }
    revision += 1n;
    const events = decision.writes.map((write): RecordEvent => {
      if (write.op === 'delete') {
        revisions.delete(`${write.kind}/${write.id}`);
        return { kind: write.kind, id: write.id };
      }
      revisions.set(`${write.kind}/${write.id}`, revision);
      return { kind: write.kind, id: write.id, stored: { record: write.record, revision } } as RecordEvent;
    });
    operations.set(operation.requestId, { operation, revision });
    history.push({ revision, relisted: false, events });
    for (const hear of followers) hear();
    return { outcome: 'committed', revision };
  }

  const readable = (): void => {
    if (faults[0] === 'away') throw new Fault('unavailable', 'etcd: connection refused');
  };

  const store: MemoryStore = {
    faults,
    commits,
    async commit(decision, operation) {
      switch (faults.shift()) {
        case 'away':
          throw new Fault('unavailable', 'etcd: connection refused');
        case 'silent':
          return new Promise(() => {});
        case 'lost-before':
          throw new Fault('ambiguous', 'etcd: deadline');
        case 'lost-after':
          transaction(decision, operation);
          throw new Fault('ambiguous', 'etcd: deadline');
        case undefined:
          return transaction(decision, operation);
      }
    },
    readOperation: async (requestId) => {
      readable();
      return operations.get(requestId);
    },
    currentRevision: async () => {
      readable();
      return revision;
    },
    follower(onAdvance = () => {}) {
      const head = createHead(emptySnapshot());
      let at = 0;
      let paused = false;
      const hear = (): void => {
        // As a watch does: some time after the commit has been answered.
        setImmediate(() => {
          for (; !paused && at < history.length; at += 1) {
            const batch = history[at];
            if (batch === undefined) continue;
            const { snapshot, changes } = fold(head.snapshot(), batch);
            head.advance(snapshot, changes);
            onAdvance(snapshot);
          }
        });
      };
      followers.add(hear);
      hear();
      return {
        store,
        head,
        pause: () => {
          paused = true;
        },
        resume: () => {
          paused = false;
          hear();
        },
      };
    },
  };
  return store;
}
