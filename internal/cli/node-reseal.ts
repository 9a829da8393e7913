// Node reseal: after a node has a new sealing identity, what was sealed to older ones is sealed to the new one. Done on the
// node, by root: nobody else can open it. Clients and sessions notice nothing.

import { create } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { NextAccessKeySchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { SealedTo } from '#internal/rotation/sealed-to.ts';
import type { Opener } from '#internal/sealing/sealing.ts';
import type { Session } from './session.ts';

interface ResealOptions {
  readonly identity: string;
  readonly records: string;
  readonly list?: boolean;
}

export function resealVerb(node: Command, session: Session): void {
  node
    .command('reseal')
    .argument('<node>')
    .description('on the node, by root: seal what is sealed to its older identities to the newest')
    .requiredOption('--identity <file>', "the node's sealingKeyFile")
    .requiredOption('--records <directory>', "`snapshot` in the node's stateDir: what is sealed stands in no answer")
    .option('--list', 'show what hangs on older identities, change nothing')
    .action((nodeId: string, options: ResealOptions) => reseal(session, nodeId, options));
}

async function reseal(session: Session, nodeId: string, { identity, records, list }: ResealOptions): Promise<void> {
  const [{ openerOf, readIdentityFile }, { sealedTo }, { readSavedRecords }] = await Promise.all([
    import('#internal/sealing/sealing.ts'),
    import('#internal/rotation/sealed-to.ts'),
    import('#internal/store/store.ts'),
  ]);
  const saved = await readSavedRecords(records);
  if (saved === undefined) throw new Fault('sealed', `${records}: no records that can be read`);
  const openers = readIdentityFile(identity).map(openerOf);
  const found = sealedTo(nodeId, saved, openers);
  const hanging = found.filter(({ to }) => to === 'older');
  for (const { what } of found.filter(({ to }) => to === 'none'))
    session.say(`${what}: sealed to no identity in ${identity}`);
  if (list === true) {
    for (const { what } of hanging) session.print(`${what}\n`);
    return;
  }
  const [newest] = openers;
  if (newest === undefined) throw new Fault('sealed', `${identity} holds no identity`);
  await demandKnown(session, nodeId, newest);
  let left = 0;
  for (const each of hanging) {
    try {
      await sealAgain(session, { nodeId, recipient: newest.recipient }, each);
      session.say(`${each.what}: sealed to the newest identity`);
    } catch (thrown) {
      left += 1;
      session.say(`${each.what}: ${messageOf(thrown)}`);
    }
  }
  if (left > 0) throw new Fault('sealed', `${left} of ${hanging.length} still hang on an older identity`);
  session.say(`${hanging.length} sealed again`);
}

/** Else others would go on sealing to the older one. */
async function demandKnown(session: Session, nodeId: string, { recipient }: Opener): Promise<void> {
  const { nodes } = await (await session.client()).fabric.listNodes({});
  const known = nodes.find(({ node }) => node?.id === nodeId)?.node?.sealingPublicKey;
  if (known === recipient) return;
  throw new Fault('sealed', `the record of ${nodeId} has another key: pop44 node sealing-key ${nodeId} ${recipient}`);
}

async function sealAgain(
  session: Session,
  { nodeId, recipient }: { readonly nodeId: string; readonly recipient: Opener['recipient'] },
  { kind, id, revision, sealed, publicKey, clear }: SealedTo,
): Promise<void> {
  const { seal } = await import('#internal/sealing/sealing.ts');
  const { fabric, tunnels } = await session.client();
  const own = { [nodeId]: seal(clear ?? new Uint8Array(), recipient) };
  const byNode = { ...sealed, ...own };
  // Of the record that was read: one that was changed since is refused, and is read anew the next time.
  const change = { etag: String(revision) };
  if (kind === 'pop') await fabric.setPopAccessKey({ change, popId: id, publicKey, sealed: byNode });
  else if (kind === 'next-key') {
    // The PoP's record may have been changed just now, by what was sealed with its current key.
    const { next } = await fabric.getPopAccessKey({ popId: id });
    const value = { publicKey, sealed: { ...next?.sealed, ...own } };
    await fabric.rotatePopAccessKey({ popId: id, step: { case: 'next', value: create(NextAccessKeySchema, value) } });
  } else if (kind === 'upstream') await fabric.setUpstreamPassword({ change, upstream: id, sealed: byNode });
  else await tunnels.updateTunnel({ change, tunnel: id, sealedPresharedKey: { byNode } });
}
