// Touched: what a batch of changes may have changed of a node's want.

import { equals } from '@bufbuild/protobuf';
import type { Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type RecordChange, recordSchemas } from '#internal/model/model.ts';

/** What may differ since then. */
export interface Touched {
  readonly tunnels: ReadonlySet<string>;
  readonly frame: boolean;
  /** Something that any tunnel's part may rest on. */
  readonly everything: boolean;
}

export const untouched: Touched = { tunnels: new Set(), frame: false, everything: false };

/** Kinds whose change makes the frame anew. */
const frameKinds: ReadonlySet<string> = new Set([
  'network',
  'realm',
  'pop',
  'anycast',
  'node',
  'interconnect',
  'upstream',
  'pool',
  'slab',
  'blackhole',
]);

// Commands rewrite realms, pools and the network as they are, so that of two that meet there only one commits.
function rewritten({ kind, before, after }: RecordChange): boolean {
  return before !== undefined && after !== undefined && equals(recordSchemas[kind], before.record, after.record);
}

/** What a pool gives to whom changes no tunnel that stands; where it lies, and whether it stands, may. */
function samePlace(before: Pool, after: Pool): boolean {
  return (
    before.prefix === after.prefix &&
    before.realmId === after.realmId &&
    before.parentPoolId === after.parentPoolId &&
    before.homePopId === after.homePopId &&
    before.slabLength === after.slabLength &&
    before.id === after.id &&
    before.createdAt?.seconds === after.createdAt?.seconds &&
    before.createdAt?.nanos === after.createdAt?.nanos
  );
}

/** Which tunnels and what else a batch of changes may concern. */
export function touch(before: Touched, changes: readonly RecordChange[]): Touched {
  const tunnels = new Set(before.tunnels);
  let { frame, everything } = before;
  const bringsTunnel = changes.some((change) => change.kind === 'allocation' && change.before === undefined);
  for (const change of changes) {
    if (frameKinds.has(change.kind) && rewritten(change)) continue;
    switch (change.kind) {
      case 'tunnel':
        tunnels.add(change.id);
        break;
      case 'allocation':
        for (const stored of [change.before, change.after]) {
          if (stored === undefined) continue;
          if (stored.record.tunnelId !== '') tunnels.add(stored.record.tunnelId);
          // A pool stands on it.
          if (stored.record.delegatedPoolId !== '') frame = everything = true;
        }
        break;
      case 'peerkey':
        if (change.before !== undefined) tunnels.add(change.before.record.tunnelId);
        if (change.after !== undefined) tunnels.add(change.after.record.tunnelId);
        break;
      case 'slab':
        frame = true;
        // A new slab comes with its first tunnel. One that changes, goes, or comes back (mended by hand) alone concerns
        // whoever lies in it.
        if (change.before !== undefined || !bringsTunnel) everything = true;
        break;
      case 'pool':
        if (change.before && change.after && samePlace(change.before.record, change.after.record)) break;
        frame = everything = true;
        break;
      case 'realm':
        frame = everything = true;
        break;
      default:
        if (frameKinds.has(change.kind)) frame = true;
        break;
    }
  }
  return { tunnels, frame, everything };
}
