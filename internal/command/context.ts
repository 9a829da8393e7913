// Context: what a command is given besides snapshot and request, and what it gives back.

import type { FreeIndex, Unseen } from '#internal/allocator/allocator.ts';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Change } from '#internal/gen/pop44/v1/common_pb.ts';
import { networkId, readerVersion, type Snapshot } from '#internal/model/model.ts';
import type { Compare, Decision, RecordKind, Stored, Write } from '#internal/model/record.ts';

export interface CommandContext {
  /** Owner of what is created without one: `admin/ada`. */
  readonly principal: string;
  readonly now: Date;
  /** 32 lower-case hexadecimal digits, never the same twice. */
  readonly newId: () => string;
  /** What this daemon has chosen or committed and its snapshot does not show yet. */
  readonly unseen: Unseen;
  /** From 0 up to but not 1. */
  readonly random: () => number;
  readonly freeIndex: FreeIndex;
  /** The PoP of the daemon that decides: home of a tunnel that names none. */
  readonly localPopId: string;
}

/** The answer's message lacks what only the commit gives: `changed` and etags. */
export interface Decided<Response> {
  readonly decision: Decision;
  readonly response: Response;
}

/** Undefined when the network exists and this build may act on its records. */
export function notReady(snapshot: Snapshot): Refusal | undefined {
  const network = snapshot.network?.record;
  if (network === undefined) {
    return refuse('not-ready', { problem: 'no network has been created yet', cure: 'pop44 network create' });
  }
  if (network.minReaderVersion <= readerVersion) return undefined;
  return refuse('not-ready', {
    problem: `the records want a reader of version ${network.minReaderVersion}, this daemon reads ${readerVersion}`,
    cure: 'upgrade pop44d',
  });
}

/** The etag that an update was based on is still the record's. An empty one asks for no check. */
export function staleEtag(change: Change | undefined, revision: bigint): Refusal | undefined {
  const etag = change?.etag ?? '';
  if (etag === '' || etag === String(revision)) return undefined;
  return refuse('stale-etag', {
    field: 'change.etag',
    value: etag,
    problem: 'is not the etag any more',
    cure: `read it again: it is ${revision} now`,
  });
}

/** That the record is as it was read, or as absent. */
export function unchanged(kind: RecordKind, id: string, stored: Stored<unknown> | undefined): Compare {
  return { kind, id, revision: stored?.revision ?? 0n };
}

/**
 * Fabric commands look for duplicates in every record of a kind. Each compares and rewrites the network record, so
 * that of two that looked at the same time only one commits; pools, which they stay clear of, do so by their realm.
 */
export function alone(snapshot: Snapshot): Decision {
  const compares: Compare[] = [unchanged('network', networkId, snapshot.network)];
  for (const [id, realm] of [...snapshot.realms].sort(([a], [b]) => (a < b ? -1 : 1))) {
    compares.push(unchanged('realm', id, realm));
  }
  const writes: Write[] =
    snapshot.network === undefined
      ? []
      : [{ op: 'put', kind: 'network', id: networkId, record: snapshot.network.record }];
  return { compares, writes };
}
