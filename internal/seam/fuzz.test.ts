import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { emptyDataplane, purposes, put } from '#internal/dataplane/dataplane.ts';
import { Fault } from '#internal/errors/errors.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { cases, garbleFrom, seed } from '#internal/testkit/garble.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { checkMessage, putsOf, serveSeam } from './seam.ts';

const made = emptyDataplane();
put(made, 'sysctl', { netns: 'pop', name: 'net.ipv4.ip_forward', value: '1' });
put(made, 'ruleset', { netns: 'transport', text: 'chain input { }' });
put(made, 'link', {
  name: 'p44w0',
  netns: 'pop',
  mtu: 1420,
  listenPort: 51820,
  fwmark: 68,
  privateKeyFile: '/keys/access',
});
put(made, 'wire', { netns: 'pop', name: 'p44u0', peer: 'p44u1', mtu: 1500 });
put(made, 'shaper', { netns: 'pop', dev: 'p44u0', defaultClass: 2, overhead: -14 });
put(made, 'class', {
  netns: 'pop',
  dev: 'p44u0',
  minor: 16,
  parent: 1,
  rateBitPerSecond: 8_000,
  ceilBitPerSecond: 1e6,
  queue: true,
});
put(made, 'address', { netns: 'pop', dev: 'lo', cidr: '198.18.210.1/32' });
put(made, 'rule', { netns: 'pop', family: 4, priority: 40_000, table: 4401 });
put(made, 'element', { netns: 'pop', set: 't4_32', element: '44.31.0.7' });
put(made, 'peer', { link: 'p44w0', publicKey: 'k'.repeat(44), allowedIps: ['44.31.0.7/32'], keepaliveSeconds: 0 });
put(made, 'route', { netns: 'pop', table: 4401, prefix: '44.31.0.0/24', type: 'unicast', dev: 'p44w0' });
put(made, 'bird', {
  netns: 'pop',
  text: 'router id 198.18.210.1;',
  // As many as a node has: one that refused them refused all that came with them.
  lifelines: purposes.map((to) => ({ to, sessions: ['p44i_a_b_4'] })),
});
const right = { type: 'want', number: 1, revision: '7', whole: true, put: putsOf(made), remove: [['peer', 'p44w0 k']] };

const strange: readonly unknown[] = [null, 0, -1, 1.5, 1e300, '', 'x'.repeat(5_000), [], {}, [[]], true, '__proto__'];

/** One value somewhere in it is another, gone, or beside one that nobody knows. */
function twisted(value: unknown, random: () => number): unknown {
  const pick = (): unknown => strange[Math.floor(random() * strange.length)];
  if (random() < 0.15) return pick();
  if (Array.isArray(value)) {
    const at = Math.floor(random() * (value.length + 1));
    return at === value.length ? [...value, pick()] : value.with(at, twisted(value[at], random));
  }
  if (typeof value !== 'object' || value === null) return pick();
  const entries = Object.entries(value);
  const at = Math.floor(random() * (entries.length + 1));
  const [name, inner] = entries[at] ?? ['unknown', 1];
  const rest = entries.filter((_, place) => place !== at);
  return Object.fromEntries(random() < 0.2 ? rest : [...rest, [name, twisted(inner, random)]]);
}

test(`a want of another shape is refused whole, in words without its values (seed ${seed}) [S1]`, () => {
  expect(checkMessage(right)).toEqual(right);
  const random = randomFrom(seed + 2);
  let refused = 0;
  const count = cases(30_000);
  for (let at = 0; at < count; at += 1) {
    try {
      checkMessage(twisted(right, random));
    } catch (error) {
      refused += 1;
      if (!(error instanceof Fault && error.code === 'invalid')) throw error;
      expect(error.message.length).toBeLessThan(100);
    }
  }
  expect(refused).toBeGreaterThan(count / 2);
});

test('what is no flow of a tunnel that moves reaches no kernel, and of too many none [S1]', () => {
  const flow = {
    ...{ protocol: 'tcp', from: '44.31.0.7', to: '198.18.0.1', fromPort: 1024, toPort: 80 },
    ...{ state: 'ESTABLISHED', secondsLeft: 299, answered: true, assured: true, mark: 69 },
  };
  const of = (...flows: readonly unknown[]) => ({ type: 'carry-flows', flows });
  expect(checkMessage(of(flow))).toEqual(of(flow));
  expect(checkMessage({ type: 'ask-flows', number: 1, prefixes: ['44.31.0.7/32'] })).toBeDefined();
  const wrong: readonly Readonly<Record<string, unknown>>[] = [
    ...[{ protocol: 'icmp' }, { state: 'ESTABLISHED -F' }, { fromPort: 65_536 }, { toPort: -1 }, { mark: 2 ** 32 }],
    ...[{ secondsLeft: 1.5 }, { answered: 1 }, { from: 'x'.repeat(65) }, { to: 7 }, { nat: true }],
  ];
  for (const change of wrong) expect(() => checkMessage(of({ ...flow, ...change }))).toThrow('the field flows');
  expect(() => checkMessage(of(...Array.from({ length: 8_193 }, () => flow)))).toThrow('the field flows');
  expect(() => checkMessage({ type: 'ask-flows', number: 1, prefixes: [7] })).toThrow('the field prefixes');
});

test('the mesh’s own link is not the network half’s to change [S1]', () => {
  const of = (...item: readonly unknown[]) => ({ ...right, put: [item] });
  const link = { name: 'p44m', netns: 'pop', mtu: 1420, listenPort: 1, fwmark: 0, privateKeyFile: '/keys/access' };
  expect(() => checkMessage(of('link', link))).toThrow('link: the field name');
  expect(() => checkMessage(of('address', { netns: 'transport', dev: 'p44m', cidr: '::1/128' }))).toThrow(
    'the field dev',
  );
  expect(() =>
    checkMessage(of('route', { netns: 'pop', table: 1, prefix: '::/0', type: 'unicast', dev: 'p44m' })),
  ).toThrow('the field dev');
});

test(`garbled lines over the socket end their connection, are told, and reach nobody (seed ${seed}) [S1]`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'seam-fuzz-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'dataplane.sock');
  const refused: Error[] = [];
  const taken: unknown[] = [];
  const seam = await serveSeam(path, {
    admits: async () => true,
    connected: () => {},
    message: (want) => taken.push(want),
    refused: (error) => refused.push(error),
  });
  const garble = garbleFrom(seed + 3);
  const line = Buffer.from(JSON.stringify(right));
  const count = cases(500);
  for (let at = 0; at < count; at += 1)
    await new Promise<void>((resolve) => {
      const socket = connect(path, () => socket.end(Buffer.concat([garble(line), Buffer.from('\n')])));
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.resume();
    });
  await eventually(() => refused.length + taken.length >= count / 2, 10_000);
  for (const want of taken) expect(() => checkMessage(want)).not.toThrow();
  expect(refused.length).toBeGreaterThan(count / 2);
  await seam.close();
});
