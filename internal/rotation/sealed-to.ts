// Sealed to: what of the records is sealed to a node, and to which of its identities. Only who has these can tell: a
// ciphertext does not say whom it is for.

import type { Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import type { Opener } from '#internal/sealing/sealing.ts';

export interface SealedTo {
  /** `next-key`: of a PoP or of an anycast group, while its key is rotated. */
  readonly kind: 'pop' | 'anycast' | 'next-key' | 'tunnel' | 'upstream';
  readonly id: string;
  /** Of an anycast group: a PoP of it, by which its key is set. */
  readonly popId?: string;
  /** Of a tunnel: PoPs that it is placed at. */
  readonly popIds?: readonly string[];
  /** `tunnel ada/phone`, `access key of PoP p1`, `password of upstream p1-pop` */
  readonly what: string;
  /** Of the record. */
  readonly revision: bigint;
  /** To every node that it is sealed to. */
  readonly sealed: Readonly<Record<string, Uint8Array>>;
  /** Of a PoP: the key's public half. */
  readonly publicKey: string;
  /** `newest`: to the newest identity; `older`: to another one of these; `none`: to nobody that we know. */
  readonly to: 'newest' | 'older' | 'none';
  /** Absent where nobody that we know opens it. */
  readonly clear?: Uint8Array;
}

function opened(file: Uint8Array, opener: Opener | undefined): Uint8Array | undefined {
  try {
    return opener?.open(file);
  } catch {
    return undefined;
  }
}

type Part = Omit<SealedTo, 'to' | 'clear'>;

function sealedIn({ kind, stored }: RecordEvent): readonly Part[] {
  if (stored === undefined) return [];
  const { revision } = stored;
  if (kind === 'tunnel') {
    const { id, owner, name, sealedPresharedKey: sealed, placement } = stored.record;
    const popIds = placement?.popIds ?? [];
    return [{ kind, id, popIds, what: `tunnel ${owner}/${name || id}`, revision, sealed, publicKey: '' }];
  }
  if (kind === 'upstream') {
    const { id, sealedPassword: sealed } = stored.record;
    return [{ kind, id, what: `password of upstream ${id}`, revision, sealed, publicKey: '' }];
  }
  if (kind === 'anycast') {
    const { id, founderPopId: popId } = stored.record;
    return accessKeys({ kind, id, popId, revision }, `anycast group ${id}`, stored.record);
  }
  if (kind !== 'pop' || stored.record.anycastGroupId !== '') return [];
  const { id } = stored.record;
  return accessKeys({ kind, id, revision }, `PoP ${id}`, stored.record);
}

/** The current key, and while it is rotated the next one. */
function accessKeys(
  whose: Pick<Part, 'kind' | 'id' | 'popId' | 'revision'>,
  name: string,
  {
    sealedAccessKey: sealed,
    publicKey,
    nextAccessKey: next,
  }: Pick<Pop, 'sealedAccessKey' | 'publicKey' | 'nextAccessKey'>,
): readonly Part[] {
  const current: Part = { ...whose, what: `access key of ${name}`, sealed, publicKey };
  if (next === undefined) return [current];
  const what = `next access key of ${name}`;
  return [current, { ...whose, kind: 'next-key', what, sealed: next.sealed, publicKey: next.publicKey }];
}

/** Sorted by what it is. About 0.15 ms each. */
export function sealedTo(
  nodeId: string,
  events: readonly RecordEvent[],
  [newest, ...older]: readonly Opener[],
): readonly SealedTo[] {
  const found = events.flatMap(sealedIn).flatMap((part): readonly SealedTo[] => {
    const file = part.sealed[nodeId];
    if (file === undefined) return [];
    const own = opened(file, newest);
    if (own !== undefined) return [{ ...part, to: 'newest', clear: own }];
    const clear = older.map((opener) => opened(file, opener)).find((text) => text !== undefined);
    return [clear === undefined ? { ...part, to: 'none' } : { ...part, to: 'older', clear }];
  });
  return found.sort((a, b) => (a.what < b.what ? -1 : 1));
}
