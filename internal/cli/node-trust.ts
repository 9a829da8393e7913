// Node trust: letting a machine in by a token, and shutting one out.

import { createHash, randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { NodeCertificate } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { JoinToken } from '#internal/gen/pop44/v1/trust_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { duration } from './duration.ts';
import { type Column, timeText } from './layout.ts';
import { uint } from './parse.ts';
import { removeVerbs } from './node-remove.ts';
import type { Session } from './session.ts';

interface TokenOptions extends ChangeOptions {
  readonly pop: string;
  readonly asn: number;
  readonly loopback4: string;
  readonly loopback6: string;
  readonly meshAddress: string;
  readonly meshPort: number;
  readonly underlay4: string;
  readonly underlay6: string;
  readonly apiPort: number;
  readonly failureDomain: string;
  readonly valid: number;
}

/** As the API asks for it: more cannot be guessed, and no more is of use. */
const secretBytes = 32;

const at = (time: JoinToken['expiresAt']): string => (time === undefined ? '' : timeText(time));

const tokenColumns: readonly Column<JoinToken>[] = [
  ['id', ({ id }) => id],
  ['node', ({ node }) => node?.id ?? ''],
  ['pop', ({ node }) => node?.popId ?? ''],
  ['expires', ({ expiresAt }) => at(expiresAt)],
  ['used', ({ usedAt }) => at(usedAt)],
];

const certificateColumns: readonly Column<NodeCertificate>[] = [
  ['node', ({ nodeId }) => nodeId],
  ['serial', ({ serial }) => serial],
  ['from', ({ notBefore }) => at(notBefore)],
  ['until', ({ notAfter }) => at(notAfter)],
  ['ca', ({ authorityHash }) => Buffer.from(authorityHash).toString('hex').slice(0, 16)],
];

export function nodeTrustVerbs(node: Command, session: Session): void {
  withChangeOptions(node.command('revoke').argument('<id>'), 'existing')
    .description('shut a node out: its certificate, its interconnects and its end of the mesh')
    .action(async (id: string, options: ChangeOptions) => {
      const { trust } = await session.client();
      await change(session, options, {
        send: () => trust.revokeNode({ change: changeOf(options), node: id }),
        show: (answer) => session.done(answer, `node ${id} revoked`),
      });
    });
  removeVerbs(node, session);
  node
    .command('certificates')
    .description('show the certificate that each node was given last')
    .action(async () => {
      const { certificates, freshness } = await (await session.client()).trust.listCertificates({});
      await session.list(certificates, certificateColumns);
      session.aged(freshness);
    });
  const token = node.command('token').description('the right of a machine to join once: create, list, delete');
  createVerb(token, session);
  token
    .command('list')
    .description('show the tokens that were made, without what lets one join')
    .action(async () => {
      const { tokens, freshness } = await (await session.client()).trust.listJoinTokens({});
      await session.list(tokens, tokenColumns);
      session.aged(freshness);
    });
  withChangeOptions(token.command('delete').argument('<id>'), 'existing')
    .description('take a token back')
    .action(async (id: string, options: ChangeOptions) => {
      const { trust } = await session.client();
      await change(session, options, {
        send: () => trust.deleteJoinToken({ change: changeOf(options), id }),
        show: (answer) => session.done(answer, `token ${id} deleted`),
      });
    });
}

function createVerb(token: Command, session: Session): void {
  withChangeOptions(token.command('create').argument('<id>', 'of the node'), 'new')
    .description('print a token for `pop44d join`; it is shown this once')
    .option('--pop <id>', 'PoP that it stands in', '')
    .option('--asn <number>', 'private 32-bit ASN; default: the lowest that is free', uint, 0)
    .option('--loopback4 <address>', 'public address on lo: router id and source of ICMP errors', '')
    .option('--loopback6 <address>', 'the same of IPv6', '')
    .option('--mesh-address <address>', 'in the management mesh; default: the lowest that is free', '')
    .option('--mesh-port <port>', 'UDP port of the mesh; default: 51844', uint, 0)
    .option('--underlay4 <address>', 'where other nodes reach it', '')
    .option('--underlay6 <address>', 'the same of IPv6', '')
    .option('--api-port <port>', 'TCP port of its API; default: 4440', uint, 0)
    .option('--failure-domain <label>', 'what fails together bears one label', '')
    .option('--valid <duration>', 'how long it may be used, at most 7d', duration, 3_600)
    .action(async (id: string, options: TokenOptions) => {
      const { trust } = await session.client();
      const secret = randomBytes(secretBytes);
      const { pop, valid, wait: _, dryRun: __, requestId: ___, ...same } = options;
      await change(session, options, {
        send: () =>
          trust.createJoinToken({
            change: changeOf(options),
            node: { ...same, id, popId: pop },
            secretHash: createHash('sha256').update(secret).digest(),
            validSeconds: valid,
          }),
        show: async ({ token: made, authorityHash, addresses }) => {
          const { ticketText } = await import('#internal/identity/identity.ts');
          const ticket = ticketText({
            nodeId: id,
            tokenId: made?.id ?? '',
            secret,
            authorityHash: Buffer.from(authorityHash),
            addresses,
          });
          if (session.wantsData()) await session.dataOf({ id: made?.id ?? '', token: ticket });
          else session.print(`${ticket}\n`);
          session.say(`for node ${id} alone, once, until ${at(made?.expiresAt)}: pop44d join --token-file FILE`);
        },
      });
    });
}
