// Status: the network as one daemon sees it.

import type { Command } from 'commander';
import type { GetStatusResponse } from '#internal/gen/pop44/v1/status_pb.ts';
import type { Column } from './layout.ts';
import { nodeStateColumns } from './node-columns.ts';
import type { Session } from './session.ts';

const columns: readonly Column<GetStatusResponse>[] = [
  ['asked', (status) => status.nodeId],
  ['version', (status) => status.version],
  ['revision', (status) => String(status.freshness?.revision ?? 0n)],
  ['tunnels', (status) => String(status.tunnels)],
  ['allocations', (status) => String(status.allocations)],
  ['alarms', (status) => status.alarms.join('; ') || 'none'],
  ['unreadable', (status) => status.quarantinedKeys.join(' ') || 'none'],
];

export function statusVerb(status: Command, session: Session): void {
  status.action(async () => {
    const status = await (await session.client()).status.getStatus({});
    await session.record(status, status, columns);
    if (!session.wantsData()) {
      session.print('\n');
      await session.list(status.nodes, nodeStateColumns);
    }
    session.aged(status.freshness);
  });
}
