// Node kind: nodes as list, get, describe and watch show them.

import type { NodeState } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { interconnectColumns } from './interconnect-columns.ts';
import type { Kind } from './kind.ts';
import type { Column } from './layout.ts';
import { nodeColumns, nodeStateColumns } from './node-columns.ts';
import { pathColumns, pathsOf, refusalColumns, refusalsOf } from './paths.ts';
import { upstreamColumns } from './upstream-columns.ts';

const told = new Set(nodeStateColumns.map(([title]) => title));

export const nodeKind: Kind<NodeState> = {
  noun: 'node',
  many: 'nodes and how they fare',
  named: 'id',
  async ask(session) {
    const { nodes, freshness } = await (await session.client()).fabric.listNodes({});
    return { items: nodes, freshness };
  },
  names: ({ node }) => [node?.id ?? ''],
  columns: nodeStateColumns,
  wide: nodeColumns
    .filter(([title]) => title !== 'id' && !told.has(title))
    .map(([title, value]): Column<NodeState> => [title, ({ node }) => (node === undefined ? '' : value(node))]),
  restless: ['applied', 'rtt', 'clock', 'lag', 'load', 'flows'],
  async related(session, { node }) {
    const { fabric, status } = await session.client();
    const [{ interconnects }, { upstreams }, mesh] = await Promise.all([
      fabric.listInterconnects({}),
      fabric.listUpstreams({}),
      status.getMesh({}),
    ]);
    const id = node?.id;
    await session.section(
      interconnects.filter(({ nodeA, nodeB }) => nodeA === id || nodeB === id),
      interconnectColumns,
    );
    await session.section(
      pathsOf(mesh).filter(({ from }) => from === id),
      pathColumns,
    );
    await session.section(
      upstreams.filter(({ nodeId }) => nodeId === id),
      upstreamColumns,
    );
    await session.section(
      refusalsOf(mesh).filter(({ from }) => from === id),
      refusalColumns,
    );
  },
};
