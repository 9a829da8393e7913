// Rotate PoP key: a second access key of a PoP, on an interface and a port of its own, so that each client changes its file
// when it likes; when the window ends, the second is the only one (adr/0017).

import { clone, create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type AccessKey, AccessKeySchema, type Pop, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type NextAccessKey,
  type RotatePopAccessKeyRequest,
  type RotatePopAccessKeyResponse,
  RotatePopAccessKeyResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { type Decision, recoveryId, type Stored } from '#internal/model/record.ts';
import { alone, type CommandContext, type Decided, staleEtag, unchanged } from './context.ts';
import { keyField, rangeField } from './fields.ts';
import { keyOfAnother, popShown, popToChange } from './pop-access-key.ts';
import { freePort, refusedPort } from './ports.ts';
import { hasKeys, nodesOfPops, sealedField } from './sealed.ts';

/** Seconds. A month is what people need to hear of it, find their station and copy a file. */
const usualWindow = 30 * 86_400;
const shortestWindow = 3_600;
const longestWindow = 365 * 86_400;
/** They lead to the one key that is current, for networks that let nothing else out (desired/nft-transport.ts). */
const alternativePorts: readonly number[] = [443, 53, 123];

/**
 * Opens the window, seals the next key of an open one anew, or ends it. Refuses `not-found`, `stale-etag`, `required`,
 * `invalid`, `duplicate-key`, `already-exists` (port), `rotation-open` (with another key), `not-ready` (a node cannot open it),
 * `in-use` (of an anycast group).
 */
export function rotatePopAccessKey(
  snapshot: Snapshot,
  request: RotatePopAccessKeyRequest,
  { now }: CommandContext,
): Refusal | Decided<RotatePopAccessKeyResponse> {
  const stored = popToChange(snapshot, request.popId);
  if (isRefusal(stored)) return stored;
  const stale = staleEtag(request.change, stored.revision);
  if (stale !== undefined) return stale;
  const pop = stored.record;
  if (pop.anycastGroupId !== '') {
    const problem = `has the key of the anycast group ${pop.anycastGroupId}, which is not rotated while it stands`;
    const cure = `pop44 pop update ${pop.id} --no-anycast, or pop44 pop key create ${pop.id} --replace at a time of your choice`;
    return refuse('in-use', { field: 'pop_id', value: pop.id, problem, cure });
  }
  const { step } = request;
  const unset = step.case === undefined || (step.case !== 'next' && !step.value);
  const record = unset
    ? refuse('required', { field: 'step', problem: 'is missing', cure: 'next, finish or cancel' })
    : step.case === 'next'
      ? withNext(snapshot, pop, step.value, now)
      : step.case === 'finish'
        ? finished(snapshot, pop)
        : cancelled(pop);
  if (isRefusal(record)) return record;
  const response = create(RotatePopAccessKeyResponseSchema, { pop: popShown(record) });
  return { decision: decisionOf(snapshot, stored, record), response };
}

/** The end of a window whose time has come; undefined: it is not there, or not yet. Refuses `not-ready`. */
export function endPopKeyWindow(snapshot: Snapshot, popId: string, now: Date): Decision | Refusal | undefined {
  const stored = snapshot.pops.get(popId);
  const at = stored?.record.nextAccessKey?.takesOverAt;
  if (stored === undefined || at === undefined) return undefined;
  // Asked this way round, a time that is none has not come.
  if (!(timestampDate(at) <= now)) return undefined;
  const record = finished(snapshot, stored.record);
  return isRefusal(record) ? record : decisionOf(snapshot, stored, record);
}

function decisionOf(snapshot: Snapshot, stored: Stored<Pop>, record: Pop): Decision {
  // A node that joins, and an interconnect that takes a port, rewrite the network record too.
  const { compares, writes } = alone(snapshot);
  return {
    compares: [...compares, unchanged('pop', record.id, stored)],
    writes: [...writes, { op: 'put', kind: 'pop', id: record.id, record }],
  };
}

function withNext(snapshot: Snapshot, pop: Pop, next: NextAccessKey, now: Date): Pop | Refusal {
  const key = keyField('next.public_key', next.publicKey);
  if (isRefusal(key)) return key;
  const open = pop.nextAccessKey;
  if (open !== undefined && open.publicKey !== key) {
    return refuse('rotation-open', {
      field: 'next.public_key',
      value: key,
      problem: `is not the next key of PoP ${pop.id}, which stands in clients' files`,
      cure: `${open.publicKey}, or --finish or --cancel first`,
    });
  }
  const other = open === undefined ? keyOfAnother(snapshot, undefined, key) : undefined;
  if (other !== undefined)
    return refuse('duplicate-key', {
      field: 'next.public_key',
      value: key,
      problem: `is the key of ${other}`,
      cure: 'a new key pair',
    });
  const nodes = nodesOfPops(snapshot, [pop.id]);
  const sealed = hasKeys(next.sealed)
    ? sealedField('next.sealed', next.sealed, nodes, { besides: [recoveryId] })
    : refuse('required', { field: 'next.sealed', problem: 'is empty', cure: 'the private key, sealed to each node' });
  if (sealed !== undefined) return sealed;
  const record = clone(PopSchema, pop);
  if (open !== undefined) {
    record.nextAccessKey = Object.assign(clone(AccessKeySchema, open), { sealed: next.sealed });
    return record;
  }
  const made = opened(snapshot, pop, next, now);
  if (isRefusal(made)) return made;
  record.nextAccessKey = made;
  return record;
}

function opened(snapshot: Snapshot, pop: Pop, next: NextAccessKey, now: Date): AccessKey | Refusal {
  const seconds = next.windowSeconds === 0 ? usualWindow : next.windowSeconds;
  const window = rangeField('next.window_seconds', seconds, shortestWindow, longestWindow);
  if (window !== undefined) return window;
  const nodes = nodesOfPops(snapshot, [pop.id]);
  if (alternativePorts.includes(next.port)) {
    const problem = 'leads to the current key, from networks that let nothing else out';
    return refuse('invalid', { field: 'next.port', value: String(next.port), problem, cure: 'another port' });
  }
  if (next.port !== 0)
    for (const node of nodes) {
      const refusal = refusedPort(snapshot, 'next.port', next.port, node);
      if (refusal !== undefined) return refusal;
    }
  return create(AccessKeySchema, {
    publicKey: next.publicKey,
    port: next.port === 0 ? freePort(snapshot, nodes, pop.endpointPort + 1) : next.port,
    sealed: next.sealed,
    since: timestampFromDate(now),
    takesOverAt: timestampFromDate(new Date(now.getTime() + seconds * 1_000)),
  });
}

function noRotation(pop: Pop): Refusal {
  const about = { field: 'pop_id', value: pop.id, problem: 'has no open rotation' };
  return refuse('invalid', { ...about, cure: `pop44 pop key rotate ${pop.id} opens one` });
}

function finished(snapshot: Snapshot, pop: Pop): Pop | Refusal {
  const next = pop.nextAccessKey;
  if (next === undefined) return noRotation(pop);
  const without = nodesOfPops(snapshot, [pop.id]).find(({ id }) => !Object.hasOwn(next.sealed, id));
  if (without !== undefined) {
    const about = { field: 'pop_id', value: pop.id, problem: `has node ${without.id}, which cannot open the next key` };
    return refuse('not-ready', { ...about, cure: `pop44 pop key reseal ${pop.id} --identity FILE` });
  }
  const record = clone(PopSchema, pop);
  delete record.nextAccessKey;
  return Object.assign(record, {
    publicKey: next.publicKey,
    endpointPort: next.port,
    sealedAccessKey: next.sealed,
    accessKeyGeneration: pop.accessKeyGeneration + 1,
  });
}

function cancelled(pop: Pop): Pop | Refusal {
  if (pop.nextAccessKey === undefined) return noRotation(pop);
  const record = clone(PopSchema, pop);
  delete record.nextAccessKey;
  return record;
}
