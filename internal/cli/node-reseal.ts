// Node reseal: after a node has a new sealing identity, what was sealed to older ones is sealed to the new one; or what a node can
// open is sealed to the other one of its PoP, a machine that has just joined. Done on the node, by root: nobody else can open it.
// Clients and sessions notice nothing.

import { create } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { NextAccessKeySchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { recoveryId } from '#internal/model/record.ts';
import type { SealedTo } from '#internal/rotation/sealed-to.ts';
import type { Opener } from '#internal/sealing/sealing.ts';
import type { Session } from './session.ts';

interface ResealOptions {
  readonly identity: string;
  readonly records: string;
  readonly list?: boolean;
  readonly for?: string;
}

/** Whom something is sealed to. */
interface Recipient {
  readonly nodeId: string;
  readonly recipient: string;
  /** Who may have a copy; what is there for others is left out, or the change would be refused. */
  readonly known: ReadonlySet<string>;
}

export function resealVerb(node: Command, session: Session): void {
  node
    .command('reseal')
    .argument('<node>')
    .description('on the node, by root: seal what is sealed to its older identities to the newest')
    .requiredOption('--identity <file>', "the node's sealingKeyFile")
    .requiredOption('--records <directory>', "`snapshot` in the node's stateDir: what is sealed stands in no answer")
    .option('--list', 'show what hangs on older identities, change nothing')
    .option('--for <other>', 'seal what this node can open to another node of its PoP, which joined later')
    .action((nodeId: string, options: ResealOptions) => reseal(session, nodeId, options));
}

async function reseal(session: Session, nodeId: string, options: ResealOptions): Promise<void> {
  const { identity, records, list, for: other } = options;
  const [{ openerOf, readIdentityFile }, { sealedTo }, { readSavedRecords }] = await Promise.all([
    import('#internal/sealing/sealing.ts'),
    import('#internal/rotation/sealed-to.ts'),
    import('#internal/store/store.ts'),
  ]);
  const saved = await readSavedRecords(records);
  if (saved === undefined) throw new Fault('sealed', `${records}: no records that can be read`);
  const openers = readIdentityFile(identity).map(openerOf);
  const found = sealedTo(nodeId, saved, openers);
  const hanging = found.filter(({ kind, to }) =>
    other === undefined ? to === 'older' : to !== 'none' && kind !== 'upstream',
  );
  for (const { what } of found.filter(({ to }) => to === 'none'))
    session.say(`${what}: sealed to no identity in ${identity}`);
  if (list === true) {
    for (const { what } of hanging) session.print(`${what}\n`);
    return;
  }
  const [newest] = openers;
  if (newest === undefined) throw new Fault('sealed', `${identity} holds no identity`);
  const recipient = await (other === undefined ? itself(session, nodeId, newest) : sibling(session, nodeId, other));
  const whose = other === undefined ? 'the newest identity' : other;
  let left = 0;
  for (const each of hanging) {
    try {
      await sealAgain(session, recipient, each);
      session.say(`${each.what}: sealed to ${whose}`);
    } catch (thrown) {
      left += 1;
      session.say(`${each.what}: ${messageOf(thrown)}`);
    }
  }
  if (left > 0) throw new Fault('sealed', `${left} of ${hanging.length} are still to be sealed to ${whose}`);
  session.say(`${hanging.length} sealed again`);
}

async function nodesKnown(session: Session) {
  const states = await (await session.client()).fabric.listNodes({});
  const nodes = states.nodes.flatMap(({ node }) => (node === undefined ? [] : [node]));
  const inForce = nodes.filter(({ revokedAt }) => revokedAt === undefined).map(({ id }) => id);
  return { nodes, known: new Set([...inForce, recoveryId]) };
}

/** Else others would go on sealing to the older one. */
async function itself(session: Session, nodeId: string, { recipient }: Opener): Promise<Recipient> {
  const { nodes, known } = await nodesKnown(session);
  const registered = nodes.find(({ id }) => id === nodeId)?.sealingPublicKey;
  if (registered === recipient) return { nodeId, recipient, known };
  throw new Fault('sealed', `the record of ${nodeId} has another key: pop44 node sealing-key ${nodeId} ${recipient}`);
}

/** A copy is for who carries the same tunnels. */
async function sibling(session: Session, nodeId: string, other: string): Promise<Recipient> {
  const { nodes, known } = await nodesKnown(session);
  const [own, far] = [nodeId, other].map((wanted) => nodes.find(({ id }) => id === wanted));
  if (far === undefined || far.id === nodeId || far.popId !== own?.popId || !known.has(far.id))
    throw new Fault('sealed', `${other} is no other node in force of the PoP of ${nodeId} (pop44 node list)`);
  if (far.sealingPublicKey !== '') return { nodeId: other, recipient: far.sealingPublicKey, known };
  const cure = `pop44d sealing-key on it, then pop44 node sealing-key ${other} age1...`;
  throw new Fault('sealed', `${other} has no sealing key: ${cure}`);
}

async function sealAgain(
  session: Session,
  { nodeId, recipient, known }: Recipient,
  { kind, id, popId = id, revision, sealed, publicKey, clear }: SealedTo,
): Promise<void> {
  const { parseRecipient } = await import('#internal/age/age.ts');
  const { seal } = await import('#internal/sealing/sealing.ts');
  const { fabric, tunnels } = await session.client();
  const to = parseRecipient(recipient);
  if (typeof to !== 'string') throw new Fault('sealed', `the sealing key of ${nodeId} ${to.problem}`);
  const own = { [nodeId]: seal(clear ?? new Uint8Array(), to) };
  const others = (copies: SealedTo['sealed']) =>
    Object.fromEntries(Object.entries(copies).filter(([of]) => known.has(of)));
  const byNode = { ...others(sealed), ...own };
  // Of the record that was read: one that was changed since is refused, and is read anew the next time.
  const change = { etag: String(revision) };
  if (kind === 'pop' || kind === 'anycast') await fabric.setPopAccessKey({ change, popId, publicKey, sealed: byNode });
  else if (kind === 'next-key') {
    // The PoP's record may have been changed just now, by what was sealed with its current key.
    const { next } = await fabric.getPopAccessKey({ popId: id });
    const value = { publicKey, sealed: { ...others(next?.sealed ?? {}), ...own } };
    await fabric.rotatePopAccessKey({ popId: id, step: { case: 'next', value: create(NextAccessKeySchema, value) } });
  } else if (kind === 'upstream') await fabric.setUpstreamPassword({ change, upstream: id, sealed: byNode });
  else await tunnels.updateTunnel({ change, tunnel: id, sealedPresharedKey: { byNode } });
}
