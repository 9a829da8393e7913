// Signing: what this daemon vouches for, hour by hour.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import {
  type AuditHead,
  type HeadsSeen,
  HeadsSeenSchema,
  type SignedHeads,
  SignedHeadsSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { certificatesOf } from '#internal/identity/identity.ts';
import type { Identity } from '#internal/rpc/rpc.ts';
import { auditHash, headKey, type Store } from '#internal/store/store.ts';
import { fateOf } from './fate.ts';
import { openStatements, signedBy } from './statement.ts';

const everyMs = 3_600_000;
/** After a start: what is more urgent comes first. */
const firstMs = 10_000;
/** Of some 90 B each: etcd takes values of up to 1.5 MB. */
const mostHeads = 8_000;
/** etcd --max-txn-ops is 128. */
const atOnce = 100;

export interface SigningParts {
  readonly nodeId: string;
  readonly clock: Pick<Clock, 'wall' | 'sleep'>;
  readonly store: Pick<Store, 'chainHeads' | 'readHeads' | 'writeHeads' | 'readAnchors' | 'auditRecords'>;
  readonly identity: () => Identity;
  /** Nodes that vouch. */
  readonly cores: () => readonly string[];
  /** Hears which nodes' logs, or signed heads, are not as they were; none: all are. */
  readonly doubts: (nodeIds: readonly string[]) => void;
  readonly failed: (reason: string) => void;
}

const chainOf = (head: AuditHead): string => `${head.nodeId}/${head.chain}`;

/** Of the records that were last when they were signed: what stands there now, by key. */
async function hashesOf(store: SigningParts['store'], heads: readonly AuditHead[]) {
  const hashes = new Map<string, Uint8Array>();
  for (let at = 0; at < heads.length; at += atOnce)
    for (const { key, value } of await store.auditRecords(heads.slice(at, at + atOnce).map(headKey)))
      hashes.set(key, auditHash(value));
  return hashes;
}

/** Of what was signed before and of what stands now: what can be signed without contradicting it, and of whom something cannot. */
async function headsNow({ store, nodeId }: SigningParts, before: readonly AuditHead[]) {
  const hashes = await hashesOf(store, before);
  // After the records: an anchor is written before what it stands for is taken away.
  const anchors = await store.readAnchors();
  const newest = (await store.chainHeads()).filter((head) => head.nodeId !== nodeId);
  const heads = new Map(newest.map((head) => [chainOf(head), head] as const));
  const doubted = new Set<string>();
  const kept = new Map<string, AuditHead>();
  for (const head of before) {
    const key = headKey(head);
    const fate = fateOf(head, hashes.get(key), anchors.get(key.slice(0, key.lastIndexOf('/') + 1)));
    if (fate === 'trimmed' || (fate === 'stands' && heads.has(chainOf(head)))) continue;
    // Nothing new of it, or what was signed is the evidence.
    kept.set(chainOf(head), head);
    if (fate !== 'stands') doubted.add(head.nodeId);
  }
  const evidence = [...kept.values()].filter((head) => doubted.has(head.nodeId));
  const all = new Map([...evidence, ...heads.values(), ...kept.values()].map((head) => [chainOf(head), head] as const));
  // A map keeps the place of the first and the value of the last: what is kept stands for what is new.
  return { heads: [...all.values()].slice(0, mostHeads), doubted };
}

/** What others have signed has its latest time; one that went back stays as it was seen. */
function seenNow(believed: readonly SignedHeads[], before: readonly HeadsSeen[], nodeId: string) {
  const ms = ({ at }: Pick<HeadsSeen, 'at'>): number => (at === undefined ? 0 : timestampMs(at));
  const seen = new Map(before.map((each) => [each.nodeId, each] as const));
  const doubted = new Set<string>();
  for (const each of believed) {
    if (each.nodeId === nodeId) continue;
    const known = seen.get(each.nodeId);
    if (known !== undefined && ms(each) < ms(known)) doubted.add(each.nodeId);
    else seen.set(each.nodeId, create(HeadsSeenSchema, { nodeId: each.nodeId, ...(each.at && { at: each.at }) }));
  }
  return { seen: [...seen.values()], doubted };
}

const byName =
  <T>(name: (each: T) => string) =>
  (a: T, b: T): number =>
    name(a) < name(b) ? -1 : 1;

/**
 * Signs once, and gives what it has signed.
 * @param last what this process has signed before; undefined: what stands in the store with its signature
 */
export async function signHeads(parts: SigningParts, last: SignedHeads | undefined): Promise<SignedHeads> {
  const { store, nodeId, clock, identity, cores } = parts;
  const { believed, problems } = openStatements(await store.readHeads(), cores(), certificatesOf(identity().ca));
  const before = last ?? believed.find((each) => each.nodeId === nodeId);
  const { heads, doubted } = await headsNow(parts, before?.heads ?? []);
  const others = seenNow(
    believed,
    (before?.seen ?? []).filter((each) => cores().includes(each.nodeId)),
    nodeId,
  );
  const signed = create(SignedHeadsSchema, {
    ...{ nodeId, at: timestampFromDate(clock.wall()) },
    heads: heads.toSorted(byName(chainOf)),
    seen: others.seen.toSorted(byName((each) => each.nodeId)),
  });
  await store.writeHeads(nodeId, signedBy(identity(), signed));
  const unbelieved = problems.map((each) => each.nodeId);
  parts.doubts([...new Set([...doubted, ...others.doubted, ...unbelieved])].sort());
  return signed;
}

/** Ends by its signal. */
export async function signAgainAndAgain(parts: SigningParts, signal: AbortSignal): Promise<void> {
  let last: SignedHeads | undefined;
  let waitMs = firstMs;
  while (!signal.aborted) {
    await parts.clock.sleep(waitMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    waitMs = everyMs;
    try {
      last = await signHeads(parts, last);
    } catch (thrown) {
      // The store is away: the next hour's covers all that this one would have.
      parts.failed(messageOf(thrown));
    }
  }
}
