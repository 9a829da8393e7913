// Rotate PoP key: a second access key of a PoP, on an interface and a port of its own, so that each client changes its file
// when it likes; when the window ends, the second is the only one (adr/0017). Of a PoP in an anycast group it is the group's, at all
// its PoPs (adr/0029).

import { clone, create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type AccessKey, AccessKeySchema, type Node, type Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type NextAccessKey,
  type RotatePopAccessKeyRequest,
  type RotatePopAccessKeyResponse,
  RotatePopAccessKeyResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { carryingPops, groupOf, popsOfGroup, type Snapshot, servedPop } from '#internal/model/model.ts';
import { type Decision, recoveryId } from '#internal/model/record.ts';
import { type Keys, keyRevision, keysOf, withKeys } from './access-keys.ts';
import { type CommandContext, type Decided, staleEtag } from './context.ts';
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
 * `invalid`, `duplicate-key`, `already-exists` (port), `rotation-open` (with another key), `not-ready` (a node cannot open it).
 */
export function rotatePopAccessKey(
  snapshot: Snapshot,
  request: RotatePopAccessKeyRequest,
  { now }: CommandContext,
): Refusal | Decided<RotatePopAccessKeyResponse> {
  const stored = popToChange(snapshot, request.popId);
  if (isRefusal(stored)) return stored;
  const stale = staleEtag(request.change, keyRevision(snapshot, stored));
  if (stale !== undefined) return stale;
  const pop = servedPop(snapshot, stored.record);
  const { step } = request;
  const unset = step.case === undefined || (step.case !== 'next' && !step.value);
  const keys = unset
    ? refuse('required', { field: 'step', problem: 'is missing', cure: 'next, finish or cancel' })
    : step.case === 'next'
      ? withNext(snapshot, pop, step.value, now)
      : step.case === 'finish'
        ? finished(snapshot, pop)
        : cancelled(pop);
  if (isRefusal(keys)) return keys;
  const { decision, pop: changed } = withKeys(snapshot, stored, keys);
  return { decision, response: create(RotatePopAccessKeyResponseSchema, { pop: popShown(changed) }) };
}

/**
 * The end of a window whose time has come; undefined: it is not there, or not yet. That of a group is its first PoP's, so that it is
 * asked of one. Refuses `not-ready`.
 */
export function endPopKeyWindow(snapshot: Snapshot, popId: string, now: Date): Decision | Refusal | undefined {
  const stored = snapshot.pops.get(popId);
  if (stored === undefined) return undefined;
  const group = groupOf(snapshot, stored.record);
  if (group !== undefined && popsOfGroup(snapshot, group.id)[0] !== popId) return undefined;
  const pop = servedPop(snapshot, stored.record);
  const at = pop.nextAccessKey?.takesOverAt;
  // Asked this way round, a time that is none has not come.
  if (at === undefined || !(timestampDate(at) <= now)) return undefined;
  const keys = finished(snapshot, pop);
  return isRefusal(keys) ? keys : withKeys(snapshot, stored, keys).decision;
}

/** Of the PoP and of those that share its key. */
const nodesHaving = (snapshot: Snapshot, pop: Pop): readonly Node[] =>
  nodesOfPops(snapshot, carryingPops(snapshot, [pop.id]));

function withNext(snapshot: Snapshot, pop: Pop, next: NextAccessKey, now: Date): Keys | Refusal {
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
  const nodes = nodesHaving(snapshot, pop);
  const sealed = hasKeys(next.sealed)
    ? sealedField('next.sealed', next.sealed, nodes, { besides: [recoveryId] })
    : refuse('required', { field: 'next.sealed', problem: 'is empty', cure: 'the private key, sealed to each node' });
  if (sealed !== undefined) return sealed;
  const nextAccessKey =
    open === undefined
      ? opened(snapshot, { pop, next, nodes, now })
      : Object.assign(clone(AccessKeySchema, open), { sealed: next.sealed });
  return isRefusal(nextAccessKey) ? nextAccessKey : { ...keysOf(pop), nextAccessKey };
}

interface Opening {
  readonly pop: Pop;
  readonly next: NextAccessKey;
  readonly nodes: readonly Node[];
  readonly now: Date;
}

function opened(snapshot: Snapshot, { pop, next, nodes, now }: Opening): AccessKey | Refusal {
  const seconds = next.windowSeconds === 0 ? usualWindow : next.windowSeconds;
  const window = rangeField('next.window_seconds', seconds, shortestWindow, longestWindow);
  if (window !== undefined) return window;
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

function finished(snapshot: Snapshot, pop: Pop): Keys | Refusal {
  const next = pop.nextAccessKey;
  if (next === undefined) return noRotation(pop);
  const without = nodesHaving(snapshot, pop).find(({ id }) => !Object.hasOwn(next.sealed, id));
  if (without !== undefined) {
    const problem = `shares its key with node ${without.id} of PoP ${without.popId}, which cannot open the next one`;
    const own = `has node ${without.id}, which cannot open the next key`;
    const about = { field: 'pop_id', value: pop.id, problem: without.popId === pop.id ? own : problem };
    return refuse('not-ready', { ...about, cure: `pop44 pop key reseal ${pop.id} --identity FILE` });
  }
  return {
    ...{ publicKey: next.publicKey, endpointPort: next.port, sealedAccessKey: next.sealed },
    accessKeyGeneration: pop.accessKeyGeneration + 1,
  };
}

function cancelled(pop: Pop): Keys | Refusal {
  if (pop.nextAccessKey === undefined) return noRotation(pop);
  const { nextAccessKey: _, ...keys } = keysOf(pop);
  return keys;
}
