// Losses: where packets were lost in a lab, by the kernel's own counts: of devices (that of a TUN device is its queue of what
// WireGuard has not read yet), of sockets, of what was never sent, and of processors that were given more than they took.

import { readFile } from 'node:fs/promises';
import type { World } from '#internal/testkit/lab/lab.ts';

/** What was lost so far, by where: `p1p p44w0 sent`, `host sockets`. */
export type Losses = ReadonlyMap<string, number>;
type Counts = readonly (readonly [where: string, lost: number])[];

/** proc_net(5), `dev`: eight counts of what was received, then of what was sent; the fourth of each is `drop`. */
export const deviceLosses = (dev: string): Counts =>
  [...dev.matchAll(/^ *(\S+?):((?: +\d+){16})$/gm)].flatMap(([, device = '', counts = '']) => {
    const values = counts.trim().split(/ +/).map(Number);
    return [
      [`${device} received`, values[3] ?? 0],
      [`${device} sent`, values[11] ?? 0],
    ] as const;
  });

/** proc_net(5), `snmp`: a protocol has two lines, names and values. */
function countOf(snmp: string, protocol: string, counted: readonly string[]): number {
  const of = new RegExp(`^${protocol}: (.+)$`, 'gm');
  const [names = [], values = []] = [...snmp.matchAll(of)].map(([, fields = '']) => fields.split(' '));
  return counted.reduce((sum, name) => sum + Number(values[names.indexOf(name)] ?? 0), 0);
}

export const socketLosses = (snmp: string): number => countOf(snmp, 'Udp', ['RcvbufErrors', 'SndbufErrors']);
/** What was never sent: the kernel's answers to echoes wait in a buffer too. */
export const unsent = (snmp: string): number => countOf(snmp, 'Ip', ['OutDiscards']);

/** /proc/net/softnet_stat: the second column of each processor, hexadecimal (net/core/net-procfs.c). */
export const backlogLosses = (softnet: string): Counts =>
  softnet
    .trim()
    .split('\n')
    .map((line, at) => [`processor ${at}`, Number.parseInt(line.split(' ')[1] ?? '0', 16)]);

export async function lossesIn(lab: World): Promise<Losses> {
  const spaces = lab.namespaces.map(async (netns): Promise<Counts> => {
    const read = async (file: string): Promise<string> => (await lab.exec(netns, ['cat', `/proc/net/${file}`])).stdout;
    const devices = deviceLosses(await read('dev')).map(([where, lost]) => [`${netns} ${where}`, lost] as const);
    const snmp = await read('snmp');
    return [...devices, [`${netns} sockets`, socketLosses(snmp)], [`${netns} unsent`, unsent(snmp)]];
  });
  const processors = backlogLosses(await readFile('/proc/net/softnet_stat', 'utf8'));
  return new Map([...(await Promise.all(spaces)).flat(), ...processors]);
}

/** What was lost since: `p1p p44w0 sent 120`. */
export const lostSince = (before: Losses, now: Losses): readonly string[] =>
  [...now].flatMap(([where, count]) => {
    const lost = count - (before.get(where) ?? 0);
    return lost > 0 ? [`${where} ${lost}`] : [];
  });
