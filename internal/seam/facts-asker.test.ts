import { expect, test } from 'vitest';
import { type AskFacts, checkMessage, createFactsAsker } from './seam.ts';

const way = { type: 'none', prefix: '44.31.0.7/32', dev: '', via: '', by: '' } as const;

test('an answer reaches its question, and who is away is told', async () => {
  const sent: AskFacts[] = [];
  const asker = createFactsAsker((message) => sent.push(message));
  const first = asker.ask({ keys: [['element', 'pop t4_32 44.31.0.7']], to: '44.31.0.7' });
  asker.told({ type: 'facts', number: sent[0]?.number ?? 0, items: [], way, sessions: [] });
  await expect(first).resolves.toMatchObject({ items: [], way });
  const second = asker.ask({ keys: [], to: '44.31.0.7' });
  asker.lost();
  await expect(second).rejects.toMatchObject({ code: 'unavailable' });
});

const right = { type: 'ask-facts', number: 1, keys: [['peer', 'p44w0 k']], to: '44.31.0.7' };

test.each<[string, object]>([
  ['links, which name keys', { keys: [['link', 'p44w0']] }],
  ['BIRD', { keys: [['bird', 'pop']] }],
  ['a key that is no text', { keys: [['peer', 7]] }],
  ['more than a packet meets', { keys: Array.from({ length: 5_000 }, () => ['peer', 'k']) }],
  ['an address of a kilometre', { to: '4'.repeat(100) }],
  ['something beside', { also: 1 }],
])('a question for %s is refused', (_, part) => {
  expect(checkMessage(right)).toEqual(right);
  expect(() => checkMessage({ ...right, ...part })).toThrow('no message');
});
