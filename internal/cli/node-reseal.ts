// Node reseal: after a node has a new sealing identity, what was sealed to older ones is sealed to the new one; or what a node can
// open is sealed to others that carry the same tunnels: of its PoP, or of PoPs of its anycast group, that have just joined. Done on
// the node, by root: nobody else can open it.
// Clients and sessions notice nothing.

import { create } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { NextAccessKeySchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { recoveryId } from '#internal/model/record.ts';
import type { SealedTo } from '#internal/rotation/sealed-to.ts';
import type { Opener } from '#internal/sealing/sealing.ts';
import { type CarriersOf, carriers } from './carrying-nodes.ts';
import type { Session } from './session.ts';

interface ResealOptions {
  readonly identity: string;
  readonly records: string;
  readonly list?: boolean;
  readonly for?: readonly string[];
}

/** Whom something is sealed to. */
interface Recipients {
  /** By node id. */
  readonly to: Readonly<Record<string, string>>;
  /** Who may have a copy; what is there for others is left out, or the change would be refused. */
  readonly known: ReadonlySet<string>;
  readonly carriersOf: CarriersOf;
}

export function resealVerb(node: Command, session: Session): void {
  node
    .command('reseal')
    .argument('<node>')
    .description('on the node, by root: seal what is sealed to its older identities to the newest')
    .requiredOption('--identity <file>', "the node's sealingKeyFile")
    .requiredOption('--records <directory>', "`snapshot` in the node's stateDir: what is sealed stands in no answer")
    .option('--list', 'show what hangs on older identities, change nothing')
    .option(
      '--for <others...>',
      'seal what this node can open to these, of its PoP or anycast group, which joined later',
    )
    .action((nodeId: string, options: ResealOptions) => reseal(session, nodeId, options));
}

async function reseal(session: Session, nodeId: string, options: ResealOptions): Promise<void> {
  const { identity, records, list, for: others } = options;
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
    others === undefined ? to === 'older' : to !== 'none' && kind !== 'upstream',
  );
  for (const { what } of found.filter(({ to }) => to === 'none'))
    session.say(`${what}: sealed to no identity in ${identity}`);
  if (list === true) {
    for (const { what } of hanging) session.print(`${what}\n`);
    return;
  }
  const [newest] = openers;
  if (newest === undefined) throw new Fault('sealed', `${identity} holds no identity`);
  const recipients = await (others === undefined ? itself(session, nodeId, newest) : joined(session, nodeId, others));
  const whose = others === undefined ? 'the newest identity' : others.join(', ');
  let left = 0;
  let given = 0;
  for (const each of hanging) {
    try {
      if (await sealAgain(session, recipients, each)) session.say(`${each.what}: sealed to ${whose}`);
      else {
        given += 1;
        session.say(`${each.what}: carried elsewhere now; copies for nodes that do not carry it are given up`);
      }
    } catch (thrown) {
      left += 1;
      session.say(`${each.what}: ${messageOf(thrown)}`);
    }
  }
  if (left > 0) throw new Fault('sealed', `${left} of ${hanging.length} are still to be sealed to ${whose}`);
  session.say(`${hanging.length - given} sealed again${given === 0 ? '' : `, ${given} given up`}`);
}

async function nodesKnown(session: Session) {
  const client = await session.client();
  const [states, carriersOf] = await Promise.all([client.fabric.listNodes({}), carriers(client)]);
  const nodes = states.nodes.flatMap(({ node }) => (node === undefined ? [] : [node]));
  const inForce = nodes.filter(({ revokedAt }) => revokedAt === undefined).map(({ id }) => id);
  return { nodes, known: new Set([...inForce, recoveryId]), carriersOf };
}

/** Else others would go on sealing to the older one. */
async function itself(session: Session, nodeId: string, { recipient }: Opener): Promise<Recipients> {
  const { nodes, ...whose } = await nodesKnown(session);
  const registered = nodes.find(({ id }) => id === nodeId)?.sealingPublicKey;
  if (registered === recipient) return { to: { [nodeId]: recipient }, ...whose };
  throw new Fault('sealed', `the record of ${nodeId} has another key: pop44 node sealing-key ${nodeId} ${recipient}`);
}

/** A copy is for who carries the same tunnels. */
async function joined(session: Session, nodeId: string, others: readonly string[]): Promise<Recipients> {
  const { nodes, ...whose } = await nodesKnown(session);
  const popId = nodes.find(({ id }) => id === nodeId)?.popId ?? '';
  const { fabric } = await session.client();
  const { recipients } = await fabric.getPopAccessKey({ popId });
  for (const other of others) {
    if (other === nodeId || !Object.hasOwn(recipients, other))
      throw new Fault(
        'sealed',
        `${other} is no other node in force of the PoP of ${nodeId}, or of its anycast group (pop44 node list)`,
      );
    if (recipients[other] !== '') continue;
    const cure = `pop44d sealing-key on it, then pop44 node sealing-key ${other} age1...`;
    throw new Fault('sealed', `${other} has no sealing key: ${cure}`);
  }
  return { to: Object.fromEntries(others.map((other) => [other, recipients[other] ?? ''])), ...whose };
}

/** Gives whether any of `to` has it now: a tunnel that they carry no more is left with the copies of those that do. @throws Fault */
async function sealAgain(
  session: Session,
  { to, known, carriersOf }: Recipients,
  { kind, id, popId = id, popIds, revision, sealed, publicKey, clear }: SealedTo,
): Promise<boolean> {
  const { parseRecipient } = await import('#internal/age/age.ts');
  const { seal } = await import('#internal/sealing/sealing.ts');
  const { fabric, tunnels } = await session.client();
  const own: Record<string, Uint8Array> = {};
  // A PoP that leaves an anycast group, as one transaction has no room for all tunnels, leaves copies for its nodes behind.
  const needs = popIds === undefined ? known : new Set(carriersOf(popIds).filter((nodeId) => known.has(nodeId)));
  for (const [nodeId, text] of Object.entries(to)) {
    if (!needs.has(nodeId)) continue;
    const recipient = parseRecipient(text);
    if (typeof recipient !== 'string') throw new Fault('sealed', `the sealing key of ${nodeId} ${recipient.problem}`);
    own[nodeId] = seal(clear ?? new Uint8Array(), recipient);
  }
  const others = (copies: SealedTo['sealed']) =>
    Object.fromEntries(Object.entries(copies).filter(([of]) => needs.has(of)));
  const byNode = { ...others(sealed), ...own };
  // Of the record that was read: one that was changed since is refused, and is read anew the next time.
  const change = { etag: String(revision) };
  if (kind === 'pop' || kind === 'anycast') await fabric.setPopAccessKey({ change, popId, publicKey, sealed: byNode });
  else if (kind === 'next-key') {
    // The PoP's record may have been changed just now, by what was sealed with its current key.
    const { next } = await fabric.getPopAccessKey({ popId });
    const value = { publicKey, sealed: { ...others(next?.sealed ?? {}), ...own } };
    await fabric.rotatePopAccessKey({ popId, step: { case: 'next', value: create(NextAccessKeySchema, value) } });
  } else if (kind === 'upstream') await fabric.setUpstreamPassword({ change, upstream: id, sealed: byNode });
  else {
    // An empty one would be understood as none, which its client has.
    if (Object.keys(byNode).length === 0)
      throw new Fault('sealed', `no node that carries it has a copy: pop44 tunnel rotate-psk ${id}`);
    await tunnels.updateTunnel({ change, tunnel: id, sealedPresharedKey: { byNode } });
  }
  return Object.keys(own).length > 0;
}
