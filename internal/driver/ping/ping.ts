// Ping: asks an address for echoes by ping(8), in a namespace of the node.
//
// On the path: the network half wants to know how far somebody is, or whether a tunnel answers; it has no raw socket.
// Never: asks without bound, whoever speaks for the network half; holds no kind of the plan.

import { isIP } from 'node:net';
import type { Netns } from '#internal/dataplane/dataplane.ts';
import { demand } from '#internal/driver/driver.ts';
import { Fault } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import { shortestMs } from './parse.ts';

export interface Ping {
  /**
   * The shortest of three round trips in milliseconds; undefined: nothing came back within a second of the last. At most 1.5 s.
   * @param from an address of that namespace; absent: as the kernel chooses
   * @throws Fault `invalid` for what is no address, `busy`, `missing-program`, `exec`: no way there
   */
  echo(netns: Netns, address: string, from?: string): Promise<number | undefined>;
}

export interface PingOptions {
  readonly netns: Readonly<Record<Netns, string>>;
}

/** Three take 0.4 s; an echo that is lost, or the way to an address that is learned, makes the others no longer. */
const echoes = 3;
const betweenSeconds = 0.2;
const patienceSeconds = 1;
const timeoutMs = 2_500;
/** Processes: a node of 2 cores starts as many in 0.1 s. */
const mostAtOnce = 16;

const isAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes('%');

export function openPing({ netns }: PingOptions): Ping {
  let open = 0;
  return {
    async echo(where, address, from) {
      for (const each of [address, ...(from === undefined ? [] : [from])]) demand(isAddress(each), 'an address', each);
      if (open >= mostAtOnce) throw new Fault('busy', `${mostAtOnce} echoes are asked for already`);
      open += 1;
      try {
        const bounds = ['-c', echoes, '-i', betweenSeconds, '-W', patienceSeconds].map(String);
        const args = ['-n', '-q', ...bounds, ...(from === undefined ? [] : ['-I', from]), '--', address];
        // 1: nothing came back.
        const { stdout } = await run({ file: 'ping', args, netns: netns[where], timeoutMs, accept: [0, 1] });
        return shortestMs(stdout);
      } finally {
        open -= 1;
      }
    },
  };
}
