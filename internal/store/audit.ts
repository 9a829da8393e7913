// Audit: what one transaction changed and who asked for it, as links of this daemon's chains.

import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { AuditEntrySchema, AuditSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { PersonWrite } from '#internal/model/model.ts';
import type { LeaderFence } from './group.ts';
import type { Item } from './item.ts';
import { auditKey } from './keys.ts';

/** A record to be written: its key's absence is a condition of its transaction. */
export interface Link {
  readonly key: string;
  readonly value: Uint8Array;
}

/** One transaction at a time holds it. */
export interface Chain {
  /** The next link. Without items: it says that the transaction of this number never happened. */
  next(items: readonly Item[], fence: LeaderFence | undefined, at: Date): Link;
  /** It stands in the store now. */
  grown(link: Link): void;
}

export interface Chains {
  /** Waits while all are held. */
  take(): Promise<Chain>;
  give(chain: Chain): void;
  /** Instead of give: nobody knows what its last link is. */
  retire(): void;
}

// As many transactions of one daemon are under way at once: etcd did no more with more of them at a time.
const mostChains = 32;

export const auditHash = (value: Uint8Array): Uint8Array => createHash('sha256').update(value).digest();

function openChain(nodeId: string, chain: string): Chain {
  let number = 1n;
  let previousHash: Uint8Array = new Uint8Array();
  return {
    next(items, fence, at) {
      const record = create(AuditSchema, {
        nodeId,
        chain,
        number,
        previousHash,
        at: timestampFromDate(at),
        entries: items.map(entryOf),
        ...(fence && { ledPoolId: fence.poolId, fence: fence.createRevision }),
      });
      return { key: auditKey(nodeId, chain, number), value: toBinary(AuditSchema, record) };
    },
    grown({ value }) {
      previousHash = auditHash(value);
      number += 1n;
    },
  };
}

function entryOf({ decision, operation }: Item) {
  return create(AuditEntrySchema, {
    requestId: operation?.requestId ?? '',
    principal: operation?.principal ?? '',
    method: operation?.method ?? decision.refused?.method ?? '',
    source: decision.source ?? '',
    refused: decision.refused?.reason ?? '',
    count: decision.refused?.count ?? 0,
    changes: [
      ...decision.writes.map(({ op, kind, id }) => `${op} ${kind}/${id}`),
      ...(decision.besides ?? []),
      ...(decision.people?.writes ?? []).map((write) => `${write.op} people/${shownPerson(write)}`),
    ],
  });
}

/** An address is personal data, and a record stays for ever: whose it is stands beside it, by the user's id. */
const shownPerson = ({ kind, id }: PersonWrite): string => (kind === 'email' ? kind : `${kind}/${id}`);

/** @param newChain gives 16 hexadecimal digits that nobody ever had */
export function openChains(nodeId: string, newChain: () => string): Chains {
  // The last one given is taken first: a quiet daemon goes on with one chain.
  const free: Chain[] = [];
  const waiting: ((chain: Chain) => void)[] = [];
  let open = 0;
  const give = (chain: Chain): void => {
    const next = waiting.shift();
    if (next === undefined) free.push(chain);
    else next(chain);
  };
  const begin = (): Chain => openChain(nodeId, newChain());
  return {
    async take() {
      const chain = free.pop();
      if (chain !== undefined) return chain;
      if (open === mostChains) return new Promise((resolve) => waiting.push(resolve));
      open++;
      return begin();
    },
    give,
    retire: () => (waiting.length > 0 ? give(begin()) : void open--),
  };
}
