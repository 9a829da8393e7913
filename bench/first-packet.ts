// First packet: a stranger signs up at the pages of a lab, by script and by the doors that everybody has: the form with its
// work, the mail, a login, a tunnel, its file, wg-quick, and a packet to the internet and back.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openClient } from '#internal/client/client.ts';
import { type ClientFile, wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { SignUpPolicy } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { goodPassword } from '#internal/testkit/accounts.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { adminContext, raiseLab, startWebProcess, type World } from '#internal/testkit/lab/lab.ts';
import { adminFiles, newWgKeyPair, webSocket } from '#internal/testkit/lab/node-files.ts';
import { host4 } from '#internal/testkit/lab/topology.ts';
import type { BenchOptions } from './main.ts';
import { type Figures, figure, median } from './report.ts';
import { callsignOf, secretTo, sourceOf } from './visitors.ts';
import { webVisitor } from './web-visitor.ts';

const withinMs = 30_000;
const pools = ['44.31.0.0/22', '2001:db8:44::/48'];

interface Journey {
  /** From the first page to an account that is let in. */
  readonly accountMs: number;
  /** From the first page to the first packet that came back. */
  readonly packetMs: number;
}

async function journey(lab: World, ca: Buffer, n: number): Promise<Journey> {
  const callsign = callsignOf(n);
  const email = `${callsign.toLowerCase()}@example.org`;
  const keys = newWgKeyPair();
  const file = `/run/first${n}.conf`;
  const began = performance.now();
  const person = webVisitor(webSocket(lab.directory, 'public'), ca, sourceOf(n));
  await person.fill('/', '/signup', { callsign, email, password: goodPassword });
  const secret = Buffer.from(
    await secretTo(
      lab.nodes.map(({ node }) => node.id),
      email,
    ),
  ).toString('base64url');
  await person.fill('/verify', '/verify', { secret });
  const accountMs = performance.now() - began;
  await person.fill('/login', '/login', { name: callsign, password: goodPassword });
  const wanted = { name: 'station', pop: '', presets: 'ping', public_key: keys.publicKey };
  const { id, pops } = await person.fillForData<{ readonly id: string; readonly pops: readonly string[] }>(
    '/tunnels/new',
    '/tunnels',
    wanted,
  );
  const template = await person.data<Omit<ClientFile, 'privateKey'>>(`/tunnels/${id}/template?pop=${pops[0] ?? ''}`);
  await writeFile(file, wgQuick({ ...template, privateKey: keys.privateKey }), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', file], { env });
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), withinMs);
  const packetMs = performance.now() - began;
  await lab.exec('client', ['wg-quick', 'down', file], { env });
  return { accountMs, packetMs };
}

export async function firstPacket({ quick, runs, say }: BenchOptions): Promise<Figures> {
  say('raising a lab and its pages');
  const lab = await raiseLab({ directory: '/tmp/bench-lab', clock: realClock });
  try {
    await startWebProcess(lab);
    const admin = openClient(adminContext(lab));
    for (const prefix of pools) await admin.pools.createPool({ prefix });
    await admin.people.setSignUp({ policy: SignUpPolicy.OPEN, publicUrl: 'https://localhost' });
    admin.close();
    const ca = await readFile(join(lab.directory, adminFiles.ca));
    say('strangers');
    const journeys: Journey[] = [];
    for (let n = 0; n < (quick ? 1 : 5) * runs; n += 1) journeys.push(await journey(lab, ca, n));
    const packets = journeys.map(({ packetMs }) => packetMs / 1_000);
    const accounts = journeys.map(({ accountMs }) => accountMs / 1_000);
    return {
      sign_up_to_first_packet_s: figure(Math.max(...packets), 's', '<= 10', packets),
      sign_up_to_account_s: figure(median(accounts), 's', '', accounts),
    };
  } finally {
    await lab.stop();
  }
}
