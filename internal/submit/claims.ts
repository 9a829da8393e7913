// Claims: the addresses and slabs that this daemon has chosen or committed and its snapshot does not show yet. Whoever
// decides meanwhile takes others, instead of losing a transaction against ourselves.

import type { Unseen } from '#internal/allocator/allocator.ts';
import type { Slab } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { RecordChange } from '#internal/model/model.ts';
import type { Decision, Stored } from '#internal/model/record.ts';
import type { Head } from './head.ts';

/** Of one decision, from when it was made until its transaction has landed. */
export interface Claim {
  /** Its transaction is under way. */
  fly(): void;
  /** It was committed: the claim goes when a snapshot of this revision is there. */
  settle(revision: bigint): void;
  /** It came to nothing. */
  release(): void;
}

export interface Claims extends Unseen {
  claim(decision: Decision): Claim;
  /** Forgets what the head's snapshot shows by now. */
  seen(): void;
  /** Resolves when the next transaction that is under way has landed; undefined when none is. */
  landing(): Promise<void> | undefined;
  /**
   * The decision read a record that a transaction of ours has rewritten meanwhile: in the end it could only conflict.
   * Of allocations and slabs the claims themselves tell.
   */
  outrun(decision: Decision): boolean;
  /** Resolves when some decision may be outrun no more. */
  caughtUp(): Promise<void>;
}

interface ClaimedSlab {
  record: Slab;
  revision: bigint;
  state: 'joint' | 'flying' | 'committed';
  users: number;
}

interface Settled {
  readonly revision: bigint;
  readonly allocations: readonly string[];
  readonly slabs: readonly string[];
  /** Keys of other records. */
  readonly others: readonly string[];
}

export function createClaims(head: Head): Claims {
  const taken = new Set<string>();
  const slabs = new Map<string, ClaimedSlab>();
  const rewritten = new Set<string>();
  // By revision.
  let settled: Settled[] = [];
  let setBacks = head.setBacks;
  let flying = 0;
  let landed = Promise.withResolvers<void>();
  let caughtUp = Promise.withResolvers<void>();

  function take(decision: Decision) {
    const ownAllocations: string[] = [];
    const ownSlabs: string[] = [];
    const others: string[] = [];
    const changes: RecordChange[] = [];
    for (const write of decision.writes) {
      if (write.kind !== 'allocation' && write.kind !== 'slab') {
        const key = `${write.kind}/${write.id}`;
        if (!rewritten.has(key)) others.push(key);
        rewritten.add(key);
      }
      if (write.op !== 'put') continue;
      if (write.kind === 'allocation' && !taken.has(write.id)) {
        taken.add(write.id);
        ownAllocations.push(write.id);
        changes.push({ kind: 'allocation', id: write.id, after: { record: write.record, revision: 0n } });
      }
      if (write.kind === 'slab') {
        ownSlabs.push(write.id);
        const known = slabs.get(write.id);
        if (known?.state === 'joint') known.users += 1;
        else {
          slabs.set(write.id, { record: write.record, revision: 0n, state: 'joint', users: 1 });
          changes.push({ kind: 'slab', id: write.id, after: { record: write.record, revision: 0n } });
        }
      }
    }
    // The index offers at once what is left: with hundreds under way, stepping over each would cost more than choosing.
    head.freeIndex().update(changes);
    return { allocations: ownAllocations, slabs: ownSlabs, others };
  }

  function forget(others: readonly string[]): void {
    if (others.length === 0) return;
    for (const key of others) rewritten.delete(key);
    caughtUp.resolve();
    caughtUp = Promise.withResolvers();
  }

  function drop({ allocations, slabs: ofClaim, others }: Omit<Settled, 'revision'>): void {
    forget(others);
    const { allocations: held, slabs: cut } = head.snapshot();
    const changes: RecordChange[] = [];
    for (const id of allocations) {
      taken.delete(id);
      changes.push({ kind: 'allocation', id, ...after(held.get(id)) });
    }
    for (const id of ofClaim) {
      const known = slabs.get(id);
      if (known === undefined || known.state === 'committed') continue;
      known.users -= 1;
      if (known.users > 0) continue;
      slabs.delete(id);
      changes.push({ kind: 'slab', id, ...after(cut.get(id)) });
    }
    head.freeIndex().update(changes);
  }

  function land(): void {
    flying -= 1;
    landed.resolve();
    landed = Promise.withResolvers();
  }

  /** The store was set back to before some of it: that is free again, and no snapshot of its revision may ever come. */
  function unsettle(): void {
    setBacks = head.setBacks;
    for (const each of settled) {
      for (const id of each.slabs) {
        const known = slabs.get(id);
        if (known?.state === 'committed') Object.assign(known, { state: 'joint', users: 1 });
      }
      drop(each);
    }
    settled = [];
  }

  function seen(): void {
    if (head.setBacks !== setBacks) unsettle();
    const { revision } = head.snapshot();
    let gone = 0;
    for (const each of settled) {
      if (each.revision > revision) break;
      gone += 1;
      forget(each.others);
      for (const id of each.allocations) taken.delete(id);
      for (const id of each.slabs) {
        const known = slabs.get(id);
        if (known?.state === 'committed' && known.revision <= revision) slabs.delete(id);
      }
    }
    if (gone > 0) settled = settled.slice(gone);
  }

  return {
    taken,
    slab(id) {
      const known = slabs.get(id);
      if (known === undefined) return undefined;
      return known.state === 'flying' ? 'flying' : { record: known.record, revision: known.revision };
    },
    claim(decision) {
      const own = take(decision);
      let inTheAir = false;
      const end = (): void => {
        if (inTheAir) land();
        inTheAir = false;
      };
      return {
        fly() {
          inTheAir = true;
          flying += 1;
          for (const id of own.slabs) {
            const known = slabs.get(id);
            if (known?.state === 'joint') known.state = 'flying';
          }
        },
        settle(revision) {
          for (const id of own.slabs) {
            const known = slabs.get(id);
            if (known !== undefined) Object.assign(known, { state: 'committed', revision });
          }
          // Answers come nearly in the order of the revisions.
          settled.splice(settled.findLastIndex((each) => each.revision <= revision) + 1, 0, { revision, ...own });
          // Whoever waits for these hears of it without asking.
          if (own.others.length > 0) void head.reached(revision, never).then(seen);
          end();
        },
        release() {
          drop(own);
          end();
        },
      };
    },
    seen,
    landing: () => (flying === 0 ? undefined : landed.promise),
    outrun: ({ compares }) => compares.some(({ kind, id }) => rewritten.has(`${kind}/${id}`)),
    caughtUp: () => caughtUp.promise,
  };
}

/** What is waited for comes, or the daemon ends. */
const never = new AbortController().signal;

const after = <T>(stored: Stored<T> | undefined) => (stored === undefined ? {} : { after: stored });
