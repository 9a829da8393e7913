// Anycast kind: groups of PoPs as list, get, describe and watch show them.

import type { AnycastGroupState } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Kind } from './kind.ts';
import { type Column, timeText } from './layout.ts';
import { popColumns } from './pop-columns.ts';

export const anycastColumns: readonly Column<AnycastGroupState>[] = [
  ['id', ({ group }) => group?.id ?? ''],
  ['endpoint4', ({ group }) => group?.endpoint4 ?? ''],
  ['endpoint6', ({ group }) => group?.endpoint6 ?? ''],
  ['port', ({ group }) => String(group?.endpointPort ?? '')],
  ['key changes', ({ group }) => (group?.nextAccessKey?.takesOverAt ? timeText(group.nextAccessKey.takesOverAt) : '')],
  ['founder', ({ group }) => group?.founderPopId ?? ''],
  ['pops', ({ pops }) => pops.join(' ')],
  ['without key', ({ withoutKey }) => withoutKey.join(' ')],
  ['description', ({ group }) => group?.description ?? ''],
];

export const anycastKind: Kind<AnycastGroupState> = {
  noun: 'group',
  many: 'anycast groups',
  named: 'id',
  async ask(session) {
    const { groups, freshness } = await (await session.client()).fabric.listAnycastGroups({});
    return { items: groups, freshness };
  },
  names: ({ group }) => [group?.id ?? ''],
  columns: anycastColumns,
  wide: [['public key', ({ group }) => group?.publicKey ?? '']],
  async related(session, { pops: members }) {
    const { pops } = await (await session.client()).fabric.listPops({});
    await session.section(
      pops.filter(({ id }) => members.includes(id)),
      popColumns,
    );
  },
};
