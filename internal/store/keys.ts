// Keys: where records stand in etcd.

import { type PersonKind, personSchemas } from '#internal/model/model.ts';
import { type RecordKind, recordKinds } from '#internal/model/record.ts';
import { familyOf, firstHex, type Prefix, prefixLength } from '#internal/netip/netip.ts';

/** Everything that daemons follow. Ends with its slash: a prefix matches by bytes. */
export const recordsPrefix = '/pop44/v1/';
/** What daemons of COREs follow besides. */
export const peoplePrefix = '/pop44/people/v1/';
/** Remembered answers; followed by nobody. */
const operationsPrefix = '/pop44/log/v1/operation/';
/** What every transaction changed. */
const auditsPrefix = '/pop44/log/v1/audit/';
/** Where chains begin whose beginning was taken away. */
export const anchorsPrefix = '/pop44/log/v1/trimmed/';

/** What daemons of COREs have signed of the chains of others. */
export const headsPrefix = '/pop44/log/v1/heads/';

/** Tunnels that were deleted, by their ids. */
export const deletedPrefix = '/pop44/log/v1/deleted/';

/** Who held what until when. */
const heldPrefix = '/pop44/log/v1/held/';

const known: ReadonlySet<string> = new Set(recordKinds);
const knownOfPeople: ReadonlySet<string> = new Set(Object.keys(personSchemas));

export function recordKey(kind: RecordKind, id: string): string {
  return `${recordsPrefix}${kind}/${id}`;
}

export function personKey(kind: PersonKind, id: string): string {
  return `${peoplePrefix}${kind}/${id}`;
}

// The request id's own syntax (submit refuses others): no slash, so that no id leaves the folder.
const requestIdSyntax = /^[A-Za-z0-9._-]{1,64}$/;

export function operationKey(requestId: string): string {
  if (!requestIdSyntax.test(requestId)) throw new RangeError('not a request id');
  return `${operationsPrefix}${requestId}`;
}

const numberDigits = 16;

/** In the order of their keys the numbers of a chain go up. */
export function auditKey(nodeId: string, chain: string, number: bigint): string {
  return `${auditPrefix(nodeId)}${chain}/${number.toString(16).padStart(numberDigits, '0')}`;
}

/** Where a chain begins that was trimmed. */
export function anchorKey(nodeId: string, chain: string): string {
  return `${anchorsPrefix}${nodeId}/${chain}`;
}

/** Of the chains of one node; of all without one. */
export function auditPrefix(nodeId?: string): string {
  return nodeId === undefined ? auditsPrefix : `${auditsPrefix}${nodeId}/`;
}

/** Of the history of exactly this prefix. */
export function heldFolder(prefix: Prefix): string {
  return `${heldPrefix}${familyOf(prefix)}-${firstHex(prefix)}-${prefixLength(prefix)}/`;
}

/** In the order of their keys what ended first comes first. */
export function heldKey(prefix: Prefix, untilMs: number, revision: bigint): string {
  const hex = (value: number | bigint, digits: number): string => value.toString(16).padStart(digits, '0');
  return `${heldFolder(prefix)}${hex(untilMs, 12)}-${hex(revision, numberDigits)}`;
}

function partsOf(key: string, prefix: string): readonly [kind: string, id: string] | undefined {
  const slash = key.startsWith(prefix) ? key.indexOf('/', prefix.length) : -1;
  return slash < 0 ? undefined : [key.slice(prefix.length, slash), key.slice(slash + 1)];
}

/** Of a key under recordsPrefix; undefined when this build knows no such kind. The id may be anything. */
export function parseRecordKey(key: string): { readonly kind: RecordKind; readonly id: string } | undefined {
  const [kind = '', id = ''] = partsOf(key, recordsPrefix) ?? [];
  return known.has(kind) ? { kind: kind as RecordKind, id } : undefined;
}

/** As parseRecordKey, of a key under peoplePrefix. */
export function parsePersonKey(key: string): { readonly kind: PersonKind; readonly id: string } | undefined {
  const [kind = '', id = ''] = partsOf(key, peoplePrefix) ?? [];
  return knownOfPeople.has(kind) ? { kind: kind as PersonKind, id } : undefined;
}

const auditKeySyntax = /^\/pop44\/log\/v1\/audit\/([a-z0-9-]{1,64})\/([0-9a-f]{16})\/([0-9a-f]{16})$/;

/** Undefined: it is none of an audit record. */
export function parseAuditKey(
  key: string,
): { readonly nodeId: string; readonly chain: string; readonly number: bigint } | undefined {
  const [, nodeId, chain, number] = auditKeySyntax.exec(key) ?? [];
  if (nodeId === undefined || chain === undefined || number === undefined) return undefined;
  return { nodeId, chain, number: BigInt(`0x${number}`) };
}

const shownCharacters = 200;

/** A key for logs and people: other characters than printable ASCII as \xNN, cut to 200 characters. */
export function shownKey(key: string): string {
  const escape = (c: string) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
  const shown = key.slice(0, shownCharacters).replaceAll(/[^\x20-\x5b\x5d-\x7e]/g, escape);
  return key.length > shownCharacters ? `${shown}...` : shown;
}
