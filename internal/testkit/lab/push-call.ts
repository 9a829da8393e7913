// Push call: a download and a stream from a push-peer on the host to a push-caller behind the tunnel, which only listens: what
// a firewall that lets in replies alone makes of them shows whether it still knows their flows.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { eventually } from '../eventually.ts';
import type { Pushed } from './push-caller.ts';
import { host4 } from './topology.ts';
import type { World } from './world.ts';

const port = '5100';
const file = '/run/pushed';
const program = (name: string): string => fileURLToPath(new URL(`./${name}.ts`, import.meta.url));

export interface PushCall {
  /** More comes by both flows, which are the same ones still. @throws what came, if it does not within these milliseconds */
  goesOn(withinMs: number): Promise<void>;
  /** Datagrams that did not come, of those before the last that came. */
  lost(): Promise<number>;
  end(): Promise<void>;
}

const pushed = async (): Promise<Pushed> => JSON.parse(await readFile(file, 'utf8')) as Pushed;

export async function callForPush(lab: World, withinMs: number): Promise<PushCall> {
  await lab.serve('host-push', 'host', [process.execPath, program('push-peer'), port]);
  await eventually(
    async () => (await lab.exec('host', ['ss', '-Hltn', 'sport', '=', `:${port}`])).stdout !== '',
    withinMs,
  );
  await lab.serve('client-call', 'client', [process.execPath, program('push-caller'), host4, port, file]);
  await eventually(async () => (await pushed()).udpPackets > 0 && (await pushed()).tcpBytes > 0, withinMs);
  return {
    goesOn: async (limitMs) => {
      const before = await pushed();
      await eventually(async () => {
        const { tcpBytes, udpPackets, ended } = await pushed();
        if (ended !== '') throw new Error(`the download has ended: ${ended}`);
        return tcpBytes > before.tcpBytes + 2 && udpPackets > before.udpPackets + 1;
      }, limitMs);
    },
    lost: async () => (await pushed()).udpLost,
    end: async () => {
      for (const name of ['client-call', 'host-push']) await lab.service(name).stop();
    },
  };
}
