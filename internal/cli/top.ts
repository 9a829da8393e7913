// Top: how busy nodes are, or which tunnels are the busiest, again and again.

import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { Fault } from '#internal/errors/errors.ts';
import type { NodeState } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { BusyTunnel, GetTopResponse } from '#internal/gen/pop44/v1/status_pb.ts';
import { bytesText } from './bytes.ts';
import { type Column, harmless, rowsText } from './layout.ts';
import { count, seconds } from './parse.ts';
import type { Screen } from './screen.ts';
import type { Session } from './session.ts';

interface TopOptions {
  /** True: as many as usual. */
  readonly tunnels?: number | true;
  readonly frames?: number;
  readonly interval: number;
}

const usualTunnels = 20;
/** GetTopRequest.tunnels. */
const mostTunnels = 50;

function tunnelCount(text: string): number {
  const value = count(text);
  if (value > mostTunnels) throw new InvalidArgumentError(`1 to ${mostTunnels}: nodes tell of no more.`);
  return value;
}

const perSecond = (bytes: bigint): string => (bytes === 0n ? '0' : `${bytesText(bytes)}/s`);
const rateOf =
  (direction: 'upBytesPerSecond' | 'downBytesPerSecond') =>
  ({ traffic }: NodeState): string =>
    traffic === undefined ? '' : perSecond(traffic[direction]);

const nodeColumns: readonly Column<NodeState>[] = [
  ['node', ({ node }) => node?.id ?? ''],
  ['state', ({ connected, node }) => (connected ? (node?.drain === undefined ? 'up' : 'drained') : 'not heard')],
  ['load', ({ connected, load }) => (connected ? load.toFixed(2) : '')],
  ['lag', ({ connected, loopLagMs }) => (connected ? `${loopLagMs.toFixed(0)} ms` : '')],
  ['sessions', ({ connected, traffic }) => (connected && traffic !== undefined ? String(traffic.sessions) : '')],
  ['up', (state) => (state.connected ? rateOf('upBytesPerSecond')(state) : '')],
  ['down', (state) => (state.connected ? rateOf('downBytesPerSecond')(state) : '')],
  [
    'handshakes',
    ({ connected, traffic }) => (connected && traffic !== undefined ? `${traffic.handshakesPerMinute}/min` : ''),
  ],
];

const tunnelColumns: readonly Column<BusyTunnel>[] = [
  ['tunnel', ({ name }) => name],
  ['owner', ({ owner }) => owner],
  ['node', ({ nodeId }) => nodeId],
  ['up', ({ upBytesPerSecond }) => perSecond(upBytesPerSecond)],
  ['down', ({ downBytesPerSecond }) => perSecond(downBytesPerSecond)],
  ['id', ({ tunnelId }) => tunnelId],
];

export function topVerb(top: Command, session: Session): void {
  top
    .option('--tunnels [count]', `the busiest tunnels in place of the nodes, 1 to ${mostTunnels}`, tunnelCount)
    .option('-n, --frames <count>', 'show it so often and end; default: until q, or once where no terminal is', count)
    .option('--interval <seconds>', 'between two looks', seconds, 1)
    .action((options: TopOptions) => run(session, options));
}

async function run(session: Session, options: TopOptions): Promise<void> {
  const { clock } = session.io;
  const wanted = options.tunnels === true ? usualTunnels : (options.tunnels ?? 0);
  const client = await session.client();
  const look = (): Promise<GetTopResponse> => client.status.getTop({ tunnels: wanted });
  // What makes no sense, or may not be, is told before the terminal is taken.
  let answer = await look();
  const screen = session.wantsData() || options.frames !== undefined ? undefined : await session.io.openScreen();
  const frames = options.frames ?? (screen === undefined ? 1 : Infinity);
  let trouble = '';
  try {
    for (let frame = 1; ; frame += 1) {
      await show(session, screen, answer, { wanted, trouble, first: frame === 1 });
      if (frame >= frames) return;
      await clock.sleep(options.interval * 1_000, screen?.left);
      try {
        answer = await look();
        trouble = '';
      } catch (thrown) {
        // Who looks by eye goes on looking; a script is told.
        if (screen === undefined || !(thrown instanceof Fault)) throw thrown;
        trouble = thrown.message;
      }
    }
  } catch (thrown) {
    if (screen?.left.aborted !== true) throw thrown;
  } finally {
    screen?.close();
  }
}

interface Frame {
  /** How many tunnels; 0: nodes. */
  readonly wanted: number;
  /** Why there is no newer one. */
  readonly trouble: string;
  readonly first: boolean;
}

async function show(session: Session, screen: Screen | undefined, answer: GetTopResponse, frame: Frame): Promise<void> {
  if (session.options.output === 'yaml' && !frame.first) session.print('---\n');
  if (session.wantsData()) return session.data(answer);
  const form = screen === undefined ? session.form() : 'columns';
  const { nodes, tunnels } = answer;
  const table =
    frame.wanted === 0 ? await rowsText(nodes, nodeColumns, form) : await rowsText(tunnels, tunnelColumns, form);
  const below = table === '' ? 'no tunnel has carried anything in the last seconds\n' : table;
  if (screen === undefined) {
    session.print(`${frame.first ? '' : '\n'}${form === 'columns' ? below : table}`);
    return;
  }
  const time = session.io.clock.wall().toISOString().slice(11, 19);
  const head = `${time} UTC  ${totals(answer)}`;
  const last = frame.trouble === '' ? 'q ends it' : `no answer, this is old: ${harmless(frame.trouble)}`;
  const lines = below.trimEnd().split('\n');
  // The head and the last line are there however many there are.
  screen.draw([head, '', ...lines.slice(0, Math.max(1, screen.rows - 4)), '', last]);
}

/** Of what is heard: `3 nodes, 812 sessions, up 1.50 MB/s, down 12.0 MB/s`. */
function totals({ nodes, freshness }: GetTopResponse): string {
  const carrying = nodes.flatMap(({ connected, traffic }) => (connected && traffic !== undefined ? [traffic] : []));
  const sum = (of: 'upBytesPerSecond' | 'downBytesPerSecond'): bigint =>
    carrying.reduce((all, each) => all + each[of], 0n);
  const sessions = carrying.reduce((all, each) => all + each.sessions, 0);
  const away = nodes.filter(({ connected }) => !connected).length;
  return [
    `${nodes.length} nodes${away > 0 ? `, ${away} not heard` : ''}`,
    `${sessions} sessions`,
    `up ${perSecond(sum('upBytesPerSecond'))}`,
    `down ${perSecond(sum('downBytesPerSecond'))}`,
    ...(freshness?.stale === true ? ['no contact with the store'] : []),
  ].join(', ');
}
