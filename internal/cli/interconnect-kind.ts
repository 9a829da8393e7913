// Interconnect kind: links as list, get, describe and watch show them.

import type { Interconnect } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { interconnectColumns } from './interconnect-columns.ts';
import type { Kind } from './kind.ts';
import { pathColumns, pathsOf } from './paths.ts';

export const interconnectKind: Kind<Interconnect> = {
  noun: 'interconnect',
  many: 'interconnects',
  named: 'id',
  async ask(session) {
    const { interconnects, freshness } = await (await session.client()).fabric.listInterconnects({});
    return { items: interconnects, freshness };
  },
  names: ({ id }) => [id],
  columns: interconnectColumns,
  async related(session, { id }) {
    const mesh = await (await session.client()).status.getMesh({});
    await session.section(
      pathsOf(mesh).filter(({ interconnectId }) => interconnectId === id),
      pathColumns,
    );
  },
};
