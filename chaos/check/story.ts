// Story: a history and its event log made up by hand, for tests of the judge. What it writes is right unless it is told
// to write something else.

import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { AuditSchema, CandidateSchema, OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { recordSchemas } from '#internal/model/model.ts';
import type { Write } from '#internal/model/record.ts';
import type { LoggedEvent } from '../event-log.ts';
import { type Attempt, type History, type Look, recordHistory } from '../history.ts';
import { valueDigest } from './digest.ts';
import type { Evidence } from './judge.ts';
import { replay, type State } from './replay.ts';

const admin = 'admin/chaos';

export interface Committed {
  readonly request: string;
  readonly writes: readonly Write[];
  readonly node?: string;
  readonly principal?: string;
  readonly fence?: { readonly poolId: string; readonly createRevision: bigint };
  /** What the audit record says, where that is not what was written. */
  readonly told?: readonly string[];
  readonly withoutAudit?: true;
  readonly withoutOperation?: true;
}

type AttemptParts = Pick<Attempt, 'request' | 'kind'> & Partial<Attempt>;

export interface Story {
  /** Wall clock of the transactions. */
  atMs: number;
  commit(committed: Committed): bigint;
  /** A new leader; gives its fence. */
  elect(poolId: string, node: string): bigint;
  depose(poolId: string): void;
  attempt(parts: AttemptParts): void;
  look(node: string, owner: string, change?: (etags: Map<string, string>) => void): void;
  state(): State;
  /** With what other parts of the traffic have recorded. */
  evidence(more?: Partial<History>): Evidence;
  readonly events: LoggedEvent[];
  readonly attempts: Attempt[];
}

const millisecondNs = 1e6;

export function tellStory(): Story {
  const events: LoggedEvent[] = [];
  const attempts: Attempt[] = [];
  const looks: Look[] = [];
  const chains = new Map<string, { number: bigint; hash: Uint8Array }>();
  const leaders = new Map<string, bigint>();
  let revision = 100n;
  let atNs = 0;
  const from = revision;

  const log = () => ({ base: [], from, events, to: revision });
  const put = (key: string, value?: Uint8Array): void => {
    events.push({ revision, key, ...(value && { value }) });
  };

  function audit({ node = 'p1', request, writes, principal = admin, fence, told }: Committed, atMs: number): void {
    const end = chains.get(node) ?? { number: 0n, hash: new Uint8Array() };
    const chain = '00000000000000aa';
    const number = end.number + 1n;
    const changes = told ?? writes.map(({ op, kind, id }) => `${op} ${kind}/${id}`);
    const value = toBinary(
      AuditSchema,
      create(AuditSchema, {
        nodeId: node,
        chain,
        number,
        previousHash: end.hash,
        at: timestampFromMs(atMs),
        entries: [{ requestId: request, principal, method: '', changes: [...changes] }],
        ...(fence && { ledPoolId: fence.poolId, fence: fence.createRevision }),
      }),
    );
    chains.set(node, { number, hash: createHash('sha256').update(value).digest() });
    put(`/pop44/log/v1/audit/${node}/${chain}/${number.toString(16).padStart(16, '0')}`, value);
  }

  const story: Story = {
    atMs: 1_700_000_000_000,
    events,
    attempts,
    commit(committed) {
      const { request, writes, principal = admin } = committed;
      revision += 1n;
      for (const write of writes) {
        const key = `/pop44/v1/${write.kind}/${write.id}`;
        if (write.op === 'delete') put(key);
        else put(key, toBinary(recordSchemas[write.kind], write.record));
      }
      if (committed.withoutOperation !== true) {
        const operation = create(OperationSchema, { requestId: request, principal });
        put(`/pop44/log/v1/operation/${request}`, toBinary(OperationSchema, operation));
      }
      if (committed.withoutAudit !== true) audit(committed, story.atMs);
      return revision;
    },
    elect(poolId, nodeId) {
      revision += 1n;
      put(`/pop44/election/v1/leader/${poolId}`, toBinary(CandidateSchema, create(CandidateSchema, { nodeId })));
      leaders.set(poolId, revision);
      return revision;
    },
    depose(poolId) {
      revision += 1n;
      put(`/pop44/election/v1/leader/${poolId}`);
    },
    attempt(parts) {
      atNs += 2 * millisecondNs;
      attempts.push({
        client: 'c1',
        node: 'p1',
        owner: 'ada',
        asked: '',
        takes: [],
        invokedNs: atNs - millisecondNs,
        returnedNs: atNs,
        outcome: 'ok',
        revision: (parts.outcome ?? 'ok') === 'ok' ? revision : 0n,
        repeated: false,
        given: [],
        reason: '',
        ...parts,
      });
    },
    look(node, owner, change) {
      const etags = new Map<string, string>();
      for (const [id, { record, revision: etag }] of story.state().of('allocation'))
        if (owner === '' || record.owner === owner) etags.set(`allocation/${id}`, String(etag));
      change?.(etags);
      looks.push({ node, pid: 1, kind: 'allocation', owner, revision, stale: false, atNs, etags });
    },
    state() {
      let at: State | undefined;
      replay(log(), [
        {
          end: (state) => {
            at = state;
          },
        },
      ]);
      if (at === undefined) throw new Error('the replay has no end');
      return at;
    },
    evidence(more = {}) {
      const standing = new Map<string, LoggedEvent>();
      for (const event of events)
        if (event.value === undefined) standing.delete(event.key);
        else standing.set(event.key, event);
      return {
        history: { ...recordHistory(), ...more, attempts, looks },
        log: log(),
        listings: [
          {
            revision,
            entries: [...standing.values()].map(({ key, revision: of, value = new Uint8Array() }) => ({
              ...{ key, revision: of, digest: valueDigest(value) },
            })),
          },
        ],
        relisted: 0,
        ours: new Set([admin]),
        quietNs: 0,
        healedNs: atNs,
        secrets: { places: 1, found: [] },
      };
    },
  };
  return story;
}
