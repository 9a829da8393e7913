// Seal to nodes: an access key of a PoP, sealed here to each of its nodes before anything is sent.

import { recoveryId } from '#internal/model/record.ts';
import { UsageError } from './io.ts';
import { sealKey } from './seal-key.ts';

function withKey(recipients: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const without = Object.keys(recipients).find((id) => recipients[id] === '');
  if (without === undefined) return recipients;
  throw new UsageError(`node ${without} has no sealing key: pop44 node sealing-key ${without} age1...`);
}

/** @throws UsageError when a node has no sealing key yet */
export function sealToNodes(
  privateKey: Parameters<typeof sealKey>[0],
  recipients: Readonly<Record<string, string>>,
  recovery: string | undefined,
): ReturnType<typeof sealKey> {
  return sealKey(privateKey, { ...withKey(recipients), ...(recovery === undefined ? {} : { [recoveryId]: recovery }) });
}
