// PoP anycast: what a PoP that joins a group has to bring: the group's key, sealed to the nodes of all its PoPs.

import { recoveryId } from '#internal/model/record.ts';
import { UsageError } from './io.ts';
import { openedBy } from './pop-key.ts';
import { sealToNodes } from './seal-to-nodes.ts';
import type { Session } from './session.ts';

/** Empty where the nodes of the group have its key in files. @throws UsageError, Fault */
export async function keyForJoining(
  session: Session,
  { pop, groupId, identity }: { readonly pop: string; readonly groupId: string; readonly identity?: string },
): Promise<Record<string, Uint8Array>> {
  const { fabric } = await session.client();
  const { groups } = await fabric.listAnycastGroups({});
  const group = groups.find((each) => each.group?.id === groupId)?.group;
  // The daemon says so in its own words.
  if (group === undefined) return {};
  const [shared, own] = await Promise.all([
    fabric.getPopAccessKey({ popId: group.founderPopId }),
    fabric.getPopAccessKey({ popId: pop }),
  ]);
  if (Object.keys(shared.sealed).length === 0) return {};
  if (identity === undefined)
    throw new UsageError(`the key of group ${groupId} must be sealed to ${pop}: --identity of a node of the group`);
  const pair = await openedBy(identity, shared, group.founderPopId);
  const toNodes = await sealToNodes(pair.privateKey, { ...shared.recipients, ...own.recipients }, undefined);
  const recovery = shared.sealed[recoveryId];
  return recovery === undefined ? toNodes : { ...toNodes, [recoveryId]: recovery };
}
