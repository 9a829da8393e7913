// Tunnel probe: whether a tunnel is reached from another place, and why not.

import { type Command, InvalidArgumentError } from 'commander';
import type { Probe } from '#internal/gen/pop44/v1/reach_pb.ts';
import { msText } from '#internal/reach/reach.ts';
import { Unfinished } from './io.ts';
import { type Column, harmless, timeText } from './layout.ts';
import type { Session } from './session.ts';

const columns: readonly Column<Probe>[] = [
  ['address', ({ address }) => address],
  ['asked', ({ asked }) => asked],
  ['reached', ({ reachable, rttMs }) => (reachable && rttMs !== undefined ? msText(rttMs) : 'no')],
  ['cause', ({ cause }) => cause],
  ['reason', ({ reason }) => reason],
];

function tcpPort(text: string): number {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new InvalidArgumentError('1 to 65535.');
  return port;
}

export function probeVerb(tunnel: Command, session: Session): void {
  tunnel
    .command('probe')
    .argument('<tunnel>', 'id, owner/name, or a name that is unique')
    .description('have another place ask for it from the internet, and say why it is not reached; exit 1 then')
    .option('--port <port>', 'a TCP connection too; default: an echo alone', tcpPort)
    .action(async (ref: string, { port = 0 }: { readonly port?: number }) => {
      const answer = await (await session.client()).reach.probeTunnel({ tunnel: ref, port });
      const { fromPopId, fromNodeId, heldByNodeId, lastHandshake, probes, reachable } = answer;
      await session.listed(answer, probes, columns);
      if (!session.wantsData()) {
        const from = fromPopId === '' ? 'nobody could ask' : `asked from ${fromPopId} (${fromNodeId})`;
        const held =
          heldByNodeId === '' ? 'no node has seen the device' : `the device was last seen by ${heldByNodeId}`;
        const shaken = lastHandshake === undefined ? '' : `, handshake at ${timeText(lastHandshake)}`;
        session.say(harmless(`${from}; ${held}${shaken}`));
        // Of a server that need not answer pings their cure would be none.
        const wanted = probes.filter(({ asked }) => (asked === 'ping') === (port === 0));
        for (const cure of new Set(wanted.map((probe) => probe.cure).filter((text) => text !== '')))
          session.say(harmless(`what helps: ${cure}`));
      }
      session.aged(answer.freshness);
      if (!reachable)
        throw new Unfinished(probes.length === 0 ? 'it has no address on the internet' : 'not all was reached');
    });
}
