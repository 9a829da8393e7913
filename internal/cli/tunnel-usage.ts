// Tunnel usage: the bytes of a tunnel, by node.

import type { Command } from 'commander';
import type { NodeUsage } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { bytesText } from './bytes.ts';
import { type Column, timeText } from './layout.ts';
import type { Session } from './session.ts';

type Row = Pick<NodeUsage, 'nodeId' | 'silent' | 'upBytes' | 'downBytes' | 'since' | 'last'>;

const bytes = ({ silent }: Row, count: bigint): string => (silent ? 'no answer' : bytesText(count));
export const usageColumns: readonly Column<Row>[] = [
  ['node', (row) => row.nodeId],
  ['up', (row) => bytes(row, row.upBytes)],
  ['down', (row) => bytes(row, row.downBytes)],
  ['since', ({ since }) => (since === undefined ? '' : timeText(since))],
  ['last', ({ last }) => (last === undefined ? '' : timeText(last))],
];

export function usageVerb(tunnel: Command, session: Session): void {
  tunnel
    .command('usage')
    .argument('<tunnel>', 'id, owner/name, or a name that is unique')
    .description('show the bytes that a tunnel has carried, by node')
    .action(async (ref: string) => {
      const answer = await (await session.client()).tunnels.getTunnelUsage({ tunnel: ref });
      const { upBytes, downBytes, nodes } = answer;
      if (session.wantsData()) await session.data(answer);
      else {
        const all: Row = { nodeId: 'all', silent: false, upBytes, downBytes };
        await session.rows<Row>([...nodes, all], usageColumns);
      }
      const silent = nodes.filter((node) => node.silent).map(({ nodeId }) => nodeId);
      if (silent.length > 0) session.say(`warning: no answer from ${silent.join(', ')}: its part is missing`);
      session.aged(answer.freshness);
    });
}
