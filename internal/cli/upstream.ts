// Upstream: transit BGP sessions to the outside.

import { type Command, Option } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { uint } from './parse.ts';
import type { Session } from './session.ts';
import { showVerbs } from './showing.ts';
import { planeNames, planes, upstreamColumns } from './upstream-columns.ts';
import { upstreamKind } from './upstream-kind.ts';
import { passwordVerb, readPassword, sealPassword } from './upstream-password.ts';

interface CreateOptions extends ChangeOptions {
  readonly plane: PlaneName;
  readonly neighbor4: string;
  readonly neighbor6: string;
  readonly asn: number;
  readonly bfd: boolean;
  readonly blackhole?: boolean;
  readonly passwordFile?: string;
}

interface DeleteOptions extends ChangeOptions {
  readonly force?: true;
}

type PlaneName = keyof typeof planes;

export function upstreamVerbs(upstream: Command, session: Session): void {
  withChangeOptions(upstream.command('create').argument('<id>').argument('<node>'), 'new')
    .description('create a transit session of a node')
    .addOption(
      new Option('--plane <plane>', 'transport announces the endpoint, pop the pools')
        .choices(planeNames)
        .makeOptionMandatory(),
    )
    .option('--neighbor4 <address>', "the neighbour's IPv4 address", '')
    .option('--neighbor6 <address>', "the neighbour's IPv6 address", '')
    .requiredOption('--asn <number>', "the neighbour's ASN", uint)
    .option('--no-bfd', 'the neighbour does not speak BFD')
    .option('--blackhole', 'the neighbour drops what is announced to it with the community BLACKHOLE (RFC 7999)')
    .option('--password-file <file>', 'what both ends sign with (RFC 2385), sealed here; - reads standard input')
    .action(async (id: string, nodeId: string, options: CreateOptions) => {
      const { fabric } = await session.client();
      const { plane, asn, neighbor4, neighbor6, bfd } = options;
      const { blackhole = false, passwordFile: file } = options;
      const sealedPassword = file === undefined ? {} : await sealPassword(session, nodeId, readPassword(file));
      const session4and6 = { neighbor4, neighbor6, neighborAsn: asn, bfd, blackhole, sealedPassword };
      const wanted = { id, nodeId, plane: planes[plane], ...session4and6 };
      await change(session, options, {
        send: () => fabric.createUpstream({ change: changeOf(options), upstream: wanted }),
        show: (answer) => session.record(answer, answer.upstream, upstreamColumns),
      });
    });
  withChangeOptions(upstream.command('delete').argument('<id>'), 'existing')
    .description('end a transit session')
    .option('--force', 'also the last by which an endpoint or the pools are announced, which nobody hears of then')
    .action(async (id: string, options: DeleteOptions) => {
      const { fabric } = await session.client();
      await change(session, options, {
        send: () => fabric.deleteUpstream({ change: changeOf(options), upstream: id, force: options.force === true }),
        show: (answer) => session.done(answer, `upstream ${id} deleted`),
      });
    });
  passwordVerb(upstream, session);
  showVerbs(upstream, session, upstreamKind());
}
