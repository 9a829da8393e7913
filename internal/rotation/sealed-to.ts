// Sealed to: what of the records is sealed to a node, and to which of its identities. Only who has these can tell: a
// ciphertext does not say whom it is for.

import type { RecordEvent } from '#internal/model/record.ts';
import type { Opener } from '#internal/sealing/sealing.ts';

export interface SealedTo {
  /** `next-key`: of a PoP, while its key is rotated. */
  readonly kind: 'pop' | 'anycast' | 'next-key' | 'tunnel' | 'upstream';
  readonly id: string;
  /** Of an anycast group: a PoP of it, by which its key is set. */
  readonly popId?: string;
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
    const { id, owner, name, sealedPresharedKey } = stored.record;
    return [{ kind, id, what: `tunnel ${owner}/${name || id}`, revision, sealed: sealedPresharedKey, publicKey: '' }];
  }
  if (kind === 'upstream') {
    const { id, sealedPassword: sealed } = stored.record;
    return [{ kind, id, what: `password of upstream ${id}`, revision, sealed, publicKey: '' }];
  }
  if (kind === 'anycast') {
    const { id, founderPopId: popId, sealedAccessKey: sealed, publicKey } = stored.record;
    return [{ kind, id, popId, what: `access key of anycast group ${id}`, revision, sealed, publicKey }];
  }
  if (kind !== 'pop' || stored.record.anycastGroupId !== '') return [];
  const { id, sealedAccessKey, publicKey, nextAccessKey: next } = stored.record;
  const whose = { id, revision };
  return [
    { ...whose, kind, what: `access key of PoP ${id}`, sealed: sealedAccessKey, publicKey },
    ...(next === undefined
      ? []
      : [
          {
            ...whose,
            kind: 'next-key' as const,
            what: `next access key of PoP ${id}`,
            sealed: next.sealed,
            publicKey: next.publicKey,
          },
        ]),
  ];
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
