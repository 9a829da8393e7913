// Authorities: one CA follows another: added, so that all trust both; used, so that it signs; the older one retired. What
// needs its key (a signature) or the world (who trusts what by now) comes as an argument.

import { clone, create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Authority, AuthoritySchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type AddAuthorityResponse,
  AddAuthorityResponseSchema,
  type RetireAuthorityRequest,
  type RetireAuthorityResponse,
  RetireAuthorityResponseSchema,
  type UseAuthorityRequest,
  type UseAuthorityResponse,
  UseAuthorityResponseSchema,
} from '#internal/gen/pop44/v1/trust_pb.ts';
import { inForce, nodesInForce, signingAuthority, type Snapshot } from '#internal/model/model.ts';
import type { Compare, Stored, Write } from '#internal/model/record.ts';
import { alone, type CommandContext, type Decided, notReady, unchanged } from './context.ts';
import { notFound } from './fields.ts';

/** The one before and the next; whose turn it is nobody could follow among more. */
const mostAtATime = 2;
/** Digits. */
const shortestId = 8;

/** A CA as whoever parsed its certificate saw it. */
export interface ParsedAuthority {
  readonly id: string;
  /** DER. */
  readonly certificate: Uint8Array;
}

/** That no CA came, signs or went since. A handful. */
export const authoritiesUnchanged = ({ authorities }: Snapshot): readonly Compare[] =>
  [...authorities].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, stored]) => unchanged('authority', id, stored));

const wrote = (snapshot: Snapshot, records: readonly Authority[]): Decided<unknown>['decision'] => {
  const { compares, writes } = alone(snapshot);
  const puts = records.map((record): Write => ({ op: 'put', kind: 'authority', id: record.id, record }));
  const fresh = records.filter(({ id }) => !snapshot.authorities.has(id));
  return {
    compares: [
      ...compares,
      ...authoritiesUnchanged(snapshot),
      ...fresh.map(({ id }) => unchanged('authority', id, undefined)),
    ],
    writes: [...writes, ...puts],
  };
};

/** Refuses `already-exists`, `revoked` (was retired), `rotation-open`, `not-ready` (another one signs by now). */
export function addAuthority(
  snapshot: Snapshot,
  added: ParsedAuthority,
  { now }: Pick<CommandContext, 'now'>,
  by: ParsedAuthority & { readonly voucher: Uint8Array },
): Refusal | Decided<AddAuthorityResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const about = { field: 'certificate', value: added.id };
  const before = snapshot.authorities.get(added.id)?.record;
  if (before?.retiredAt !== undefined)
    return refuse('revoked', { ...about, problem: 'is a CA that was retired', cure: 'a new one, with a new key' });
  if (before !== undefined || added.id === by.id)
    return refuse('already-exists', { ...about, problem: 'is a CA of this network already', cure: 'a new one' });
  const signing = signingAuthority(snapshot)?.record;
  if (signing !== undefined && signing.id !== by.id) return moved(signing.id);
  const open = [...snapshot.authorities.values()].filter(({ record }) => record.retiredAt === undefined);
  if (open.length >= mostAtATime) {
    return refuse('rotation-open', {
      ...about,
      problem: 'cannot be added: there are two CAs',
      cure: `pop44 ca retire ${open.find(({ record }) => record.id !== by.id)?.record.id.slice(0, 16) ?? ''}`,
    });
  }
  const at = timestampFromDate(now);
  const record = create(AuthoritySchema, { ...added, addedAt: at, vouchedBy: by.id, voucher: by.voucher });
  const first =
    signing === undefined
      ? [create(AuthoritySchema, { id: by.id, certificate: by.certificate, addedAt: at, signsSince: at })]
      : [];
  return {
    decision: wrote(snapshot, [...first, record]),
    response: create(AddAuthorityResponseSchema, { authority: record }),
  };
}

const moved = (id: string): Refusal =>
  refuse('not-ready', { value: id, problem: 'is the CA that signs by now', cure: 'the same again' });

/** By the whole id, or its first digits where these are one's alone. Refuses `required`, `invalid`, `not-found`. */
export function authorityNamed(snapshot: Snapshot, id: string): Refusal | Stored<Authority> {
  const about = { field: 'id', value: id, cure: 'as pop44 ca list shows it' };
  if (id === '') return refuse('required', { ...about, problem: 'is missing' });
  if (!/^[0-9a-f]+$/.test(id) || id.length < shortestId)
    return refuse('invalid', { ...about, problem: `is not ${shortestId} to 64 lower-case hexadecimal digits` });
  const found = [...snapshot.authorities.values()].filter(({ record }) => record.id.startsWith(id));
  const [first, second] = found;
  if (first === undefined) return notFound('id', id, 'CA');
  if (second !== undefined) return refuse('invalid', { ...about, problem: 'begins the ids of two CAs' });
  return first;
}

/**
 * Refuses as authorityNamed does, `revoked`, `already-exists` (it signs), `not-found` and `invalid` of `without`, and
 * `not-ready` with what would be locked out.
 * @param trusts what nodes say of themselves; those in force are asked for
 */
export function useAuthority(
  snapshot: Snapshot,
  request: Pick<UseAuthorityRequest, 'id' | 'without'>,
  { now }: Pick<CommandContext, 'now'>,
  trusts: (nodeId: string, authorityId: string) => boolean,
): Refusal | Decided<UseAuthorityResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = authorityNamed(snapshot, request.id);
  if ('refused' in stored) return stored;
  const { id } = stored.record;
  if (stored.record.retiredAt !== undefined) return retired(id);
  if (signingAuthority(snapshot)?.record.id === id)
    return refuse('already-exists', { field: 'id', value: id, problem: 'is the CA that signs', cure: 'another one' });
  for (const nodeId of request.without) {
    const node = snapshot.nodes.get(nodeId)?.record;
    if (node === undefined || !inForce(node)) return notFound('without', nodeId, 'node in force');
  }
  const nodes = notTrustedBy(snapshot, id, trusts).filter((nodeId) => !request.without.includes(nodeId));
  const tokens = [...snapshot.jointokens.values()].flatMap(({ record: { id: tokenId, node, expiresAt, usedAt } }) =>
    usedAt !== undefined || expiresAt === undefined || timestampDate(expiresAt) <= now
      ? []
      : [`token ${tokenId} for node ${node?.id ?? ''} until ${timestampDate(expiresAt).toISOString()}`],
  );
  if (nodes.length + tokens.length > 0) {
    return refuse('not-ready', {
      field: 'id',
      value: id,
      problem: 'would lock out what does not know it',
      cure: 'bring the nodes up (or --without NODE: its file of CAs must then be replaced by hand); use or delete the tokens',
      obstacles: [...nodes.map((nodeId) => `node ${nodeId} does not say that it trusts it`), ...tokens.sort()],
    });
  }
  const record = clone(AuthoritySchema, stored.record);
  record.signsSince = timestampFromDate(now);
  return {
    decision: wrote(snapshot, [record]),
    response: create(UseAuthorityResponseSchema, { authority: record }),
  };
}

const retired = (id: string): Refusal =>
  refuse('revoked', { field: 'id', value: id, problem: 'was retired', cure: 'a new CA, with a new key' });

/** Nodes in force, sorted. */
export const notTrustedBy = (
  snapshot: Snapshot,
  id: string,
  trusts: (nodeId: string, authorityId: string) => boolean,
): readonly string[] => nodesInForce(snapshot).flatMap((node) => (trusts(node.id, id) ? [] : [node.id]));

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Nodes in force whose certificate is of it, sorted; `unknown`: of which no record tells what they have. */
export function usersOf(
  snapshot: Snapshot,
  id: string,
): { readonly known: readonly string[]; unknown: readonly string[] } {
  const nodes = nodesInForce(snapshot).map((node) => {
    const given = snapshot.certificates.get(node.id)?.record;
    return { nodeId: node.id, of: given === undefined ? undefined : hex(given.authorityHash) };
  });
  return {
    known: nodes.flatMap(({ nodeId, of }) => (of === id ? [nodeId] : [])),
    unknown: nodes.flatMap(({ nodeId, of }) => (of === undefined ? [nodeId] : [])),
  };
}

/**
 * Refuses as authorityNamed does, `revoked`, and `in-use` with who would be locked out.
 * @param caller whether whoever asks has a certificate of it
 */
export function retireAuthority(
  snapshot: Snapshot,
  request: Pick<RetireAuthorityRequest, 'id'>,
  { now }: Pick<CommandContext, 'now'>,
  { by, caller }: { readonly by: { readonly id: string; readonly retirement: Uint8Array }; readonly caller: boolean },
): Refusal | Decided<RetireAuthorityResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = authorityNamed(snapshot, request.id);
  if ('refused' in stored) return stored;
  const { id } = stored.record;
  if (stored.record.retiredAt !== undefined) return retired(id);
  const signing = signingAuthority(snapshot)?.record.id;
  const about = { field: 'id', value: id };
  if (id === by.id || id === signing)
    return refuse('in-use', { ...about, problem: 'is the CA that signs', cure: 'pop44 ca use the other one first' });
  if (signing !== by.id) return moved(signing ?? '');
  // One that has never signed has signed for nobody.
  const { known, unknown } =
    stored.record.signsSince === undefined ? { known: [], unknown: [] } : usersOf(snapshot, id);
  const obstacles = [
    ...known.map((nodeId) => `node ${nodeId} has a certificate of it`),
    ...unknown.map((nodeId) => `node ${nodeId} has a certificate that it has not renewed yet`),
    ...(caller ? ['you call with a certificate of it (pop44 ca trust)'] : []),
  ];
  if (obstacles.length > 0) {
    const cure = 'nodes renew by themselves within a minute; revoke one that is gone';
    return refuse('in-use', { ...about, problem: 'is the CA of who is still here', cure, obstacles });
  }
  const record = clone(AuthoritySchema, stored.record);
  Object.assign(record, { retiredAt: timestampFromDate(now), retiredBy: by.id, retirement: by.retirement });
  return {
    decision: wrote(snapshot, [record]),
    response: create(RetireAuthorityResponseSchema, { authority: record }),
  };
}

/** Why a certificate of this CA is not given any more, or undefined. */
export function signsNoMore(snapshot: Snapshot, authorityHash: Uint8Array): Refusal | undefined {
  const signing = signingAuthority(snapshot)?.record.id;
  return signing === undefined || signing === hex(authorityHash) ? undefined : moved(signing);
}
