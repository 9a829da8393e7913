// Memory store: one store for several heads, for tests. Its groups are the store's own; it refuses what etcd refuses: what
// compares with another revision, a request id that was used, a fence that does not hold.

import { Fault } from '#internal/errors/errors.ts';
import type { DeletedTunnel, Holding } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { emptySnapshot, fold, type PersonBatch, type PersonEvent, type PersonWrite } from '#internal/model/model.ts';
import type { Batch, Compare, Decision, RecordEvent, Write } from '#internal/model/record.ts';
import { createPeopleHead, type PeopleHead } from '#internal/people/people.ts';
import { type CommitOutcome, type Group, openGroup, type Remembered, type Store } from '#internal/store/store.ts';
import type { Head, SubmitStore } from '#internal/submit/submit.ts';
import { createHead } from '#internal/submit/submit.ts';

/** A daemon's side of a store: what it commits to, and the head that its watch advances. */
export interface StoreSide {
  readonly store: SubmitStore & Pick<Store, 'readHeld' | 'readDeleted' | 'deletedTunnel'>;
  readonly head: Head;
  readonly people: PeopleHead;
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
  readHeld: Store['readHeld'];
  readDeleted: Store['readDeleted'];
  deletedTunnel: Store['deletedTunnel'];
  /** Keys of fences that do not hold any more. */
  readonly deposed: Set<string>;
}

export function memoryStore(): MemoryStore {
  let revision = 1n;
  const revisions = new Map<string, bigint>();
  const operations = new Map<string, Remembered>();
  const history: Batch[] = [{ revision, relisted: true, events: [] }];
  const persons: PersonBatch[] = [{ revision, relisted: true, events: [] }];
  const followers = new Set<() => void>();
  const faults: MemoryStore['faults'] = [];
  const commits: Decision[] = [];
  const deposed = new Set<string>();
  const held: Holding[] = [];
  const deleted = new Map<string, DeletedTunnel>();

  function holds({ kind, id, revision: wanted, within }: Compare): boolean {
    if (within === true) return !revisions.keys().some((key) => key.startsWith(`${kind}/${id}`));
    return (revisions.get(`${kind}/${id}`) ?? 0n) === wanted;
  }

  /** Undefined: nothing speaks against it. */
  function judge({ decision, operation }: Group['items'][number]): CommitOutcome | undefined {
    const before = operation && operations.get(operation.requestId);
    if (before !== undefined) return { outcome: 'repeated', ...before };
    const persons = (decision.people?.compares ?? []).every(
      ({ kind, id, revision: wanted }) => (revisions.get(`people/${kind}/${id}`) ?? 0n) === wanted,
    );
    return persons && decision.compares.every(holds) ? undefined : { outcome: 'conflict', revision };
  }

  function carryOut(writes: Iterable<Write>, ofPeople: readonly PersonWrite[]): void {
    revision += 1n;
    const events = Array.from(writes, (write): RecordEvent => {
      const { kind, id } = write;
      if (write.op === 'delete') {
        revisions.delete(`${kind}/${id}`);
        return { kind, id };
      }
      revisions.set(`${kind}/${id}`, revision);
      return { kind, id, stored: { record: write.record, revision } } as RecordEvent;
    });
    history.push({ revision, relisted: false, events });
    const told = ofPeople.map((write): PersonEvent => {
      const { kind, id } = write;
      if (write.op === 'delete') {
        revisions.delete(`people/${kind}/${id}`);
        return { kind, id };
      }
      revisions.set(`people/${kind}/${id}`, revision);
      return { kind, id, stored: { record: write.record, revision } } as PersonEvent;
    });
    persons.push({ revision, relisted: false, events: told });
    for (const hear of followers) hear();
  }

  function transaction({ items, fence }: Group): readonly CommitOutcome[] {
    commits.push(...items.map(({ decision }) => decision));
    if (fence !== undefined && deposed.has(fence.key)) return items.map(() => ({ outcome: 'deposed', revision }));
    const judged = items.map((item) => ({ item, outcome: judge(item) }));
    const done = judged.flatMap(({ item, outcome }) => (outcome === undefined ? [item] : []));
    // Two that write the same bytes to one key write it once.
    const writes = new Map(
      done.flatMap(({ decision }) => decision.writes.map((write) => [`${write.kind}/${write.id}`, write] as const)),
    );
    const ofPeople = done.flatMap(({ decision }) => decision.people?.writes ?? []);
    if (done.length > 0) carryOut(writes.values(), ofPeople);
    held.push(...done.flatMap(({ decision }) => (decision.ended ?? []).map(({ holding }) => holding)));
    for (const each of done.flatMap(({ decision }) => decision.deleted ?? [])) deleted.set(each.tunnel?.id ?? '', each);
    for (const { operation } of done) {
      if (operation !== undefined) operations.set(operation.requestId, { operation, revision });
    }
    return judged.map(({ outcome }) => outcome ?? { outcome: 'committed', revision });
  }

  async function commitGroup(group: Group): Promise<readonly CommitOutcome[]> {
    switch (faults.shift()) {
      case 'away':
        throw new Fault('unavailable', 'etcd: connection refused');
      case 'silent':
        return new Promise(() => {});
      case 'lost-before':
        throw new Fault('ambiguous', 'etcd: deadline');
      case 'lost-after':
        transaction(group);
        throw new Fault('ambiguous', 'etcd: deadline');
      case undefined:
        return transaction(group);
    }
  }

  const readable = (): void => {
    if (faults[0] === 'away') throw new Fault('unavailable', 'etcd: connection refused');
  };

  const store: MemoryStore = {
    faults,
    commits,
    deposed,
    commitGroup,
    async commit(decision, operation) {
      const group = openGroup();
      group.add(decision, operation);
      const [outcome] = await commitGroup(group);
      if (outcome === undefined) throw new TypeError('a decision that nothing became of');
      return outcome;
    },
    readHeld: async (prefixes) => {
      readable();
      return held.filter(({ prefix }) => prefixes.some((asked) => asked === prefix));
    },
    async *readDeleted(after = '') {
      for (const [id, each] of [...deleted].sort(([x], [y]) => (x < y ? -1 : 1))) if (id > after) yield [each];
    },
    deletedTunnel: async (id) => deleted.get(id),
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
      const people = createPeopleHead();
      let at = 0;
      let paused = false;
      const hear = (): void => {
        // As a watch does: some time after the commit has been answered.
        setImmediate(() => {
          for (; !paused && at < history.length; at += 1) {
            const batch = history[at];
            if (batch === undefined) continue;
            const ofPeople = persons[at];
            if (ofPeople !== undefined) people.advance(ofPeople);
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
        people,
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
