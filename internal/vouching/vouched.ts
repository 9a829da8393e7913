// Vouched: whether the chains still say what daemons have signed of them.

import { timestampDate, timestampMs } from '@bufbuild/protobuf/wkt';
import type { AuditAnchor, AuditHead, SignedHeads } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type AuditRecord, auditHash, headKey } from '#internal/store/store.ts';
import { fateOf } from './fate.ts';

export interface Vouched {
  /** Problems of a chain, a line each. @param records all of it that stands, by number */
  chain(records: readonly AuditRecord[]): readonly string[];
  /** Problems of what has not come by: chains that are gone, and statements that were taken away or set back. */
  rest(): readonly string[];
}

interface By {
  readonly head: AuditHead;
  readonly signer: SignedHeads;
}

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1);
const moment = ({ at }: Pick<SignedHeads, 'at'>): string => (at === undefined ? '' : timestampDate(at).toISOString());
const atMs = ({ at }: Pick<SignedHeads, 'at'>): number => (at === undefined ? 0 : timestampMs(at));

/** @param anchors by the folder of their chain (Store.readAnchors) */
export function vouchedFor(
  believed: readonly SignedHeads[],
  anchors: ReadonlyMap<string, AuditAnchor>,
  cores: readonly string[],
): Vouched {
  const byChain = new Map<string, By[]>();
  for (const signer of believed) {
    for (const head of signer.heads) {
      const folder = folderOf(headKey(head));
      const some = byChain.get(folder) ?? [];
      some.push({ head, signer });
      byChain.set(folder, some);
    }
  }

  function about({ head, signer }: By, records: readonly AuditRecord[]): readonly string[] {
    const key = headKey(head);
    const found = records.find((record) => record.key === key);
    const fate = fateOf(head, found && auditHash(found.value), anchors.get(folderOf(key)));
    if (fate === 'stands' || fate === 'trimmed') return [];
    const done = fate === 'gone' ? 'is not there, and was' : 'is not what it was';
    const what = fate === 'gone' ? 'cut' : 'changed';
    return [
      `the log of ${head.nodeId} was ${what}: ${key} ${done} when ${signer.nodeId} signed it at ${moment(signer)}`,
    ];
  }

  function setBack(): readonly string[] {
    const now = new Map(believed.map((each) => [each.nodeId, atMs(each)] as const));
    return believed.flatMap((signer) =>
      signer.seen
        .filter((seen) => cores.includes(seen.nodeId) && (now.get(seen.nodeId) ?? 0) < atMs(seen))
        .map(
          (seen) =>
            `the heads that ${seen.nodeId} has signed were taken away or set back: ${signer.nodeId} has seen those of ${moment(seen)}`,
        ),
    );
  }

  return {
    chain(records) {
      const folder = folderOf(records[0]?.key ?? '');
      const some = byChain.get(folder) ?? [];
      byChain.delete(folder);
      return some.flatMap((each) => about(each, records));
    },
    rest: () => [...[...byChain.values()].flat().flatMap((each) => about(each, [])), ...setBack()],
  };
}
