// Upstream: transit BGP sessions to the outside.

import { type Command, Option } from 'commander';
import type { Upstream } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { type Column, yesNo } from './layout.ts';
import { uint } from './parse.ts';
import type { Session } from './session.ts';

interface CreateOptions extends ChangeOptions {
  readonly plane: PlaneName;
  readonly neighbor4: string;
  readonly neighbor6: string;
  readonly asn: number;
  readonly bfd: boolean;
  readonly blackhole?: boolean;
}

// records.proto, Plane: the generated constants would be loaded with every start.
const planes = { transport: 1, pop: 2 } as const;
type PlaneName = keyof typeof planes;
const planeNames = Object.keys(planes);

const columns: readonly Column<Upstream>[] = [
  ['id', (upstream) => upstream.id],
  ['node', (upstream) => upstream.nodeId],
  ['plane', (upstream) => planeNames[upstream.plane - 1] ?? String(upstream.plane)],
  ['neighbor4', (upstream) => upstream.neighbor4],
  ['neighbor6', (upstream) => upstream.neighbor6],
  ['asn', (upstream) => String(upstream.neighborAsn)],
  ['bfd', (upstream) => yesNo(upstream.bfd)],
  ['blackhole', (upstream) => yesNo(upstream.blackhole)],
];

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
    .action(async (id: string, nodeId: string, options: CreateOptions) => {
      const { fabric } = await session.client();
      const { plane, asn, neighbor4, neighbor6, bfd } = options;
      const { blackhole = false } = options;
      const wanted = { id, nodeId, plane: planes[plane], neighbor4, neighbor6, neighborAsn: asn, bfd, blackhole };
      await change(session, options, {
        send: () => fabric.createUpstream({ change: changeOf(options), upstream: wanted }),
        show: (answer) => session.record(answer, answer.upstream, columns),
      });
    });
  upstream
    .command('list')
    .description('show all transit sessions')
    .action(async () => {
      const { upstreams, freshness } = await (await session.client()).fabric.listUpstreams({});
      await session.list(upstreams, columns);
      session.aged(freshness);
    });
}
