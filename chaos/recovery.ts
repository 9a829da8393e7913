// Recovery: how long after the last fault everything was again as if there had been none. Pure.

import { fromBinary } from '@bufbuild/protobuf';
import { NodeSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { peersDigest, peersOf } from './check/peers.ts';
import { type EventLog, type LoggedEvent, poisonMark } from './event-log.ts';
import { grantedAgainMs, quantile } from './figures.ts';
import type { Attempt, Fold, History, Kind, PeopleKind, Told } from './history.ts';

/** Milliseconds; absent: nobody looked. Infinite: not before the run ended. */
export interface Recovery {
  /** From the end of the last fault until every daemon had answered: one that was killed has to start first. */
  readonly answersMs?: number;
  /** From the end of the last fault until something was granted that was asked for afterwards. */
  readonly writesMs?: number;
  /** From an acknowledged write, or the end of the last fault, until a daemon showed it: of 100 daemons and writes, all but one. */
  readonly foldsMs?: number;
  /** From the same, of a change of what nodes hold, until the last node had told its privileged half. */
  readonly dataPlaneMs?: number;
}

/** `overNs`: when the last fault was over, on the clock of the attempts. */
export function recoveryOf({ attempts, folds, told }: History, log: EventLog, overNs: number): Recovery {
  const answering = answeringOf(folds, overNs);
  const fabric = attempts.filter(({ kind }) => !peopleKinds.has(kind));
  const foldsMs = foldDelays(fabric, folds, { overNs, answering });
  const tellMs = tellDelays(attempts, told, { log, overNs, answering });
  const answersNs = Math.max(...answering.values());
  return {
    ...(answering.size > 0 && { answersMs: (answersNs - overNs) / 1e6 }),
    writesMs: grantedAgainMs(attempts, overNs) ?? Number.POSITIVE_INFINITY,
    ...(foldsMs.length > 0 && { foldsMs: quantile(foldsMs, 0.99) }),
    ...(tellMs.length > 0 && { dataPlaneMs: quantile(tellMs, 1) }),
  };
}

const peopleKinds: ReadonlySet<Kind> = new Set<PeopleKind>([
  ...(['sign-up', 'verify', 'approve-user', 'suspend-user', 'reinstate-user', 'login', 'logout'] as const),
]);

/** When each daemon first answered after the last fault; infinite: it did not. */
function answeringOf(folds: readonly Fold[], overNs: number): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const { node, atNs } of folds)
    if (atNs > overNs) first.set(node, Math.min(atNs, first.get(node) ?? Number.POSITIVE_INFINITY));
    else if (!first.has(node)) first.set(node, Number.POSITIVE_INFINITY);
  return first;
}

interface Write {
  readonly revision: bigint;
  /** From when on everybody should know of it. */
  readonly sinceNs: number;
}

/** All that were acknowledged after the last fault, and of those before it the last. In the order of their revisions. */
function writesAfter(attempts: readonly Attempt[], overNs: number): readonly Write[] {
  const acknowledged = new Map<bigint, number>();
  for (const { outcome, revision, returnedNs } of attempts)
    if (outcome === 'ok') acknowledged.set(revision, Math.min(returnedNs, acknowledged.get(revision) ?? returnedNs));
  const all = [...acknowledged].map(([revision, sinceNs]) => ({ revision, sinceNs }));
  all.sort((a, b) => (a.revision < b.revision ? -1 : 1));
  const before = all.findLast(({ sinceNs }) => sinceNs <= overNs);
  const after = all.filter(({ sinceNs }) => sinceNs > overNs);
  return before === undefined ? after : [{ ...before, sinceNs: overNs }, ...after];
}

interface After {
  readonly overNs: number;
  /** A daemon counts from then: how long one takes to start is told by itself. */
  readonly answering: ReadonlyMap<string, number>;
}

/** Milliseconds of each write at each daemon, sorted. */
function foldDelays(
  attempts: readonly Attempt[],
  folds: readonly Fold[],
  { overNs, answering }: After,
): readonly number[] {
  const writes = writesAfter(attempts, overNs);
  const delays: number[] = [];
  for (const [node, own] of Map.groupBy(folds, (fold) => fold.node)) {
    const after = own.filter(({ atNs }) => atNs > overNs);
    for (const { revision, sinceNs } of writes) {
      const shown = after.find((fold) => fold.revision >= revision);
      const fromNs = Math.max(sinceNs, answering.get(node) ?? 0);
      delays.push(shown === undefined ? Number.POSITIVE_INFINITY : Math.max(0, shown.atNs - fromNs) / 1e6);
    }
  }
  return delays.sort((a, b) => a - b);
}

/** Milliseconds of each change of its peers at each node, sorted. */
function tellDelays(
  attempts: readonly Attempt[],
  told: readonly Told[],
  { log, overNs, answering }: After & { readonly log: EventLog },
): readonly number[] {
  if (told.length === 0) return [];
  const changes = peerChanges(log);
  const delays: number[] = [];
  for (const [node, own] of Map.groupBy(told, (each) => each.node)) {
    const popId = popOf(log, node);
    const revisions = new Set(changes.filter(({ popIds }) => popIds.has(popId)).map(({ revision }) => revision));
    const changing = attempts.filter(({ outcome, revision }) => outcome === 'ok' && revisions.has(revision));
    for (const { revision, sinceNs } of writesAfter(changing, overNs)) {
      const want = own.find((each) => each.revision >= revision);
      const fromNs = Math.max(sinceNs, answering.get(node) ?? 0);
      delays.push(want === undefined ? Number.POSITIVE_INFINITY : Math.max(0, want.atNs - fromNs) / 1e6);
    }
  }
  return delays.sort((a, b) => a - b);
}

function popOf({ base, events }: EventLog, node: string): string {
  const key = `/pop44/v1/node/${node}`;
  const last = events.findLast((event) => event.key === key) ?? base.findLast((event) => event.key === key);
  return last?.value === undefined ? '' : fromBinary(NodeSchema, last.value).popId;
}

interface PeerChange {
  readonly revision: bigint;
  /** PoPs whose nodes hold something else from then on. */
  readonly popIds: ReadonlySet<string>;
}

const tunnelPrefix = '/pop44/v1/tunnel/';

function peerChanges({ base, events }: EventLog): readonly PeerChange[] {
  const held = new Map<string, { readonly digest: string; readonly popIds: readonly string[] }>();
  const nothing = { digest: peersDigest(new Map()), popIds: [] };
  const note = ({ key, value }: LoggedEvent): readonly string[] => {
    const before = held.get(key) ?? nothing;
    const record = value === undefined ? undefined : fromBinary(TunnelSchema, value);
    const now =
      record === undefined ? nothing : { digest: peersDigest(peersOf(record)), popIds: record.placement?.popIds ?? [] };
    held.set(key, now);
    return before.digest === now.digest ? [] : [...before.popIds, ...now.popIds];
  };
  const isTunnel = ({ key }: LoggedEvent): boolean => key.startsWith(tunnelPrefix) && !key.endsWith(`/${poisonMark}`);
  base.filter(isTunnel).forEach(note);
  return events
    .filter(isTunnel)
    .map((event) => ({ revision: event.revision, popIds: new Set(note(event)) }))
    .filter(({ popIds }) => popIds.size > 0);
}
