// Submitting: a request that creates a PoP, one that deletes it, and daemons that take them, for tests of submit.

import { create } from '@bufbuild/protobuf';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import type { Refusal } from '#internal/errors/errors.ts';
import { isRefusal, refuse } from '#internal/errors/errors.ts';
import { PopKind, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  CreatePopRequestSchema,
  CreatePopResponseSchema,
  DeleteInterconnectRequestSchema,
  DeleteInterconnectResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { MemoryStore } from './memory-store.ts';
import { memoryStore } from './memory-store.ts';
import { testKey } from './three-pops.ts';
import type { Head, Submit } from '#internal/submit/submit.ts';
import { createSubmit } from '#internal/submit/submit.ts';

let made = 0;
export const daemon = (store: MemoryStore, head: Head, clock: Clock = realClock): Submit =>
  createSubmit({
    head,
    store,
    clock,
    nodeId: 'p1',
    newId: () => `made-${++made}`,
  }).submit;

/** Twenty times as fast, and remembers the longest that anyone wanted to wait. */
export function hurried(): Clock & { longestMs: number } {
  return {
    ...realClock,
    longestMs: 0,
    monotonicMs: () => 20 * realClock.monotonicMs(),
    sleep(ms, signal) {
      this.longestMs = Math.max(this.longestMs, ms);
      return realClock.sleep(ms / 20, signal);
    },
  };
}

export interface Asked {
  readonly id: string;
  readonly requestId?: string;
  readonly dryRun?: boolean;
  readonly admin?: string;
  readonly description?: string;
}
export const { signal } = new AbortController();
export const common = (admin = 'ada') => ({ principal: { kind: 'admin', id: admin } as const, signal });

/** The store writes nothing that it would not read. */
const aPop = { kind: PopKind.CORE, endpointPort: 51820, publicKey: testKey(1) };
export const aRecord = create(PopSchema, { id: 'a', ...aPop });

/** Creates a PoP. */
export const put = (submit: Submit, asked: Asked) => {
  const description = asked.description ?? '';
  const pop = create(PopSchema, { id: asked.id, description, ...aPop });
  const change = { requestId: asked.requestId ?? '', dryRun: asked.dryRun ?? false };
  return submit({
    ...common(asked.admin),
    method: '/FabricService/CreatePop',
    input: CreatePopRequestSchema,
    output: CreatePopResponseSchema,
    request: create(CreatePopRequestSchema, { change, pop }),
    decide(snapshot) {
      if (asked.id === '') return refuse('required', { field: 'pop.id', problem: 'is missing', cure: 'an id' });
      if (snapshot.pops.has(asked.id)) {
        return refuse('already-exists', { field: 'pop.id', value: asked.id, problem: 'exists', cure: 'another id' });
      }
      return {
        decision: {
          compares: [{ kind: 'pop', id: asked.id, revision: 0n }],
          writes: [{ op: 'put', kind: 'pop', id: asked.id, record: pop }],
        },
        response: { pop },
      };
    },
  });
};

/** Deletes one. */
export const remove = (submit: Submit, asked: Asked, seen: (snapshot: Snapshot) => void = () => {}) =>
  submit({
    ...common(asked.admin),
    method: '/FabricService/DeletePop',
    input: DeleteInterconnectRequestSchema,
    output: DeleteInterconnectResponseSchema,
    request: create(DeleteInterconnectRequestSchema, { change: { requestId: asked.requestId ?? '' } }),
    decide(snapshot) {
      seen(snapshot);
      const stored = snapshot.pops.get(asked.id);
      if (stored === undefined) {
        return refuse('not-found', { field: 'pop', value: asked.id, problem: 'does not exist', cure: '' });
      }
      return {
        decision: {
          compares: [{ kind: 'pop', id: asked.id, revision: stored.revision }],
          writes: [{ op: 'delete', kind: 'pop', id: asked.id }],
        },
        response: {},
      };
    },
  });

export const granted = <T>(outcome: Refusal | T): T => {
  if (isRefusal(outcome)) throw new Error(outcome.message);
  return outcome;
};
export const thrownBy = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );

export function one() {
  const store = memoryStore();
  const follower = store.follower();
  return { ...follower, store, submit: daemon(store, follower.head) };
}
