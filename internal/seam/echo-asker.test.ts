import { expect, test } from 'vitest';
import { type AskEcho, checkMessage, createEchoAsker } from './seam.ts';

test('an answer reaches its question, whichever comes first, and who is away is told', async () => {
  const sent: AskEcho[] = [];
  const asker = createEchoAsker((message) => sent.push(message));
  const first = asker.ask({ netns: 'transport', address: '198.18.90.2' });
  const second = asker.ask({ netns: 'pop', address: '44.31.0.7', from: '198.18.210.1' });
  const [one, two] = sent.map(({ number }) => number);
  asker.told({ type: 'echo', number: two ?? 0, problem: '' });
  asker.told({ type: 'echo', number: one ?? 0, problem: '', rttMs: 4.2 });
  await expect(first).resolves.toMatchObject({ rttMs: 4.2 });
  expect((await second).rttMs).toBeUndefined();
  const third = asker.ask({ netns: 'transport', address: '198.18.90.2' });
  asker.lost();
  await expect(third).rejects.toMatchObject({ code: 'unavailable' });
});

const right = { type: 'ask-echo', number: 1, netns: 'pop', address: '44.31.0.7', from: '198.18.210.1' };

test.each<[string, object]>([
  ['another namespace', { netns: 'host' }],
  ['no address', { address: 7 }],
  ['an address of a kilometre', { address: '4'.repeat(100) }],
  ['a source that is none', { from: 7 }],
  ['a port, which is not of this half', { port: 80 }],
])('a question for %s is refused', (_, part) => {
  expect(checkMessage(right)).toEqual(right);
  expect(() => checkMessage({ ...right, ...part })).toThrow('no message');
});
