// Pop kind: PoPs as list, get, describe and watch show them.

import type { Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Kind } from './kind.ts';
import { nodeStateColumns } from './node-columns.ts';
import { popColumns } from './pop-columns.ts';

export const popKind: Kind<Pop> = {
  noun: 'pop',
  many: 'PoPs',
  named: 'id',
  async ask(session) {
    const { pops, freshness } = await (await session.client()).fabric.listPops({});
    return { items: pops, freshness };
  },
  names: ({ id }) => [id],
  columns: popColumns,
  wide: [['public key', (pop) => pop.publicKey]],
  async related(session, { id }) {
    const { nodes } = await (await session.client()).fabric.listNodes({});
    await session.section(
      nodes.filter(({ node }) => node?.popId === id),
      nodeStateColumns,
    );
  },
};
