import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import type { AskEcho } from '#internal/seam/seam.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { createReaching, type ReachingParts } from './reaching.ts';

type Question = Pick<AskEcho, 'netns' | 'address' | 'from'>;

function reaching(change: Partial<ReachingParts> = {}) {
  const echoed: Question[] = [];
  let nowMs = 0;
  const made = createReaching({
    nodeId: 'p1',
    snapshot: () => threePops(2),
    addressOf: () => undefined,
    credentials: () => {
      throw new Error('nobody is called');
    },
    echo: async (question) => {
      echoed.push(question);
      return { rttMs: 7, problem: '' };
    },
    seen: { of: () => undefined },
    clock: { ...realClock, monotonicMs: () => nowMs },
    ...change,
  });
  const ask = (address: string, rest: object = {}) =>
    made.measure({ address, port: 0, directly: false, tunnelIds: [], ...rest });
  return { ...made, asks: made.ask, ask, echoed, after: (ms: number) => void (nowMs += ms) };
}

test('strangers are asked for an echo from the internet, and for nothing else', async () => {
  const { ask, echoed } = reaching();
  expect(await ask('198.18.90.2')).toEqual({ how: 'echo', rttMs: 7, problem: '' });
  expect(echoed).toEqual([{ netns: 'transport', address: '198.18.90.2' }]);
  for (const rest of [{ port: 80 }, { directly: true }, { port: 65_536 }])
    expect(await ask('198.18.90.2', rest)).toEqual({ how: '', problem: 'is no address of a tunnel' });
  // In a pool, and nobody's.
  expect(await ask('44.31.0.77', { port: 22 })).toEqual({ how: '', problem: 'is no address of a tunnel' });
  expect(echoed).toHaveLength(1);
});

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '100.64.0.9',
  'fd44:44::2',
  'fe80::1',
  '224.0.0.1',
  '0.0.0.0',
  '198.18.90.0/24',
  '-f',
  '',
])('%s is nobody on the internet, whichever node asks', async (address) => {
  const { ask, echoed } = reaching();
  expect(await ask(address)).toEqual({ how: '', problem: 'is no address on the internet' });
  expect(echoed).toEqual([]);
});

test('a tunnel of the node is asked directly from its own address of that family', async () => {
  const { ask, echoed } = reaching();
  for (const address of ['44.31.0.1', '2001:db8:44:2::1'])
    expect(await ask(address, { directly: true })).toMatchObject({ how: 'echo' });
  expect(echoed).toEqual([
    { netns: 'pop', address: '44.31.0.1', from: '198.18.210.1' },
    { netns: 'pop', address: '2001:db8:44:2::1', from: '2001:db8:1:f1::1' },
  ]);
});

test('without an echo the newest handshake of a tunnel whose device is at that address tells', async () => {
  const clients: Readonly<Record<string, { handshakeMs: number; rttMs: number; endpoint: string }>> = {
    [testKey(1)]: { handshakeMs: 5, rttMs: 31, endpoint: '198.18.90.2:40000' },
    [testKey(2)]: { handshakeMs: 9, rttMs: 55, endpoint: '203.0.113.7:51820' },
  };
  const seen = { of: (publicKey: string) => clients[publicKey] };
  const silent = reaching({ seen, echo: async () => ({ problem: '' }) });
  const tunnelIds = ['t1', 't2', 'none'];
  expect(await silent.ask('198.18.90.2', { tunnelIds })).toEqual({ how: 'handshake', rttMs: 31, problem: '' });
  expect(await silent.ask('198.18.90.2', { tunnelIds: ['t2'] })).toEqual({ how: '', problem: '' });
  expect(await reaching({ seen }).ask('198.18.90.2', { tunnelIds })).toMatchObject({ how: 'echo', rttMs: 7 });
  const echo = async (): Promise<never> => {
    throw new Fault('unavailable', 'the privileged half of this node does not answer');
  };
  const away = reaching({ seen, echo });
  expect(await away.ask('198.18.90.2', { tunnelIds })).toMatchObject({ how: 'handshake' });
  expect(await away.ask('198.18.90.9', { tunnelIds })).toMatchObject({
    how: '',
    problem: expect.stringMatching('does not answer') as unknown,
  });
});

test('sixty at once, then twenty a second, of all who ask together', async () => {
  const { ask, after, echoed } = reaching();
  const many = async (count: number) => Promise.all(Array.from({ length: count }, () => ask('198.18.90.2')));
  expect((await many(70)).filter(({ problem }) => problem === 'p1 is asked too much')).toHaveLength(10);
  after(500);
  await many(30);
  expect(echoed).toHaveLength(70);
});

test('who is not on the mesh is a problem of the answer', async () => {
  const { asks, explainAt } = reaching();
  const question = { address: '198.18.90.2', port: 0, directly: false, tunnelIds: [] };
  const { signal } = new AbortController();
  expect(await asks('p2', question, signal)).toEqual({ how: '', problem: 'p2 is not on the mesh' });
  expect(await asks('p1', question, signal)).toMatchObject({ how: 'echo' });
  const packet = { subject: 'x', from: '', to: '', protocol: '', port: 0 };
  expect(() => explainAt('p2', packet, signal)).toThrow('p2 is not on the mesh');
});
