import { expect, test } from 'vitest';
import { type AskDenials, createDenialsAsker } from './seam.ts';

const denied = [{ prefix: '44.31.0.7/32', packets: 3, bytes: 180 }];

test('each answer reaches who asked, in whatever order they come', async () => {
  const sent: AskDenials[] = [];
  const asker = createDenialsAsker((message) => sent.push(message));
  const [first, second] = [asker.ask(['44.31.0.7/32']), asker.ask(['44.31.0.8/32'])];
  expect(sent.map(({ number, prefixes }) => [number, ...prefixes])).toEqual([
    [1, '44.31.0.7/32'],
    [2, '44.31.0.8/32'],
  ]);
  asker.told({ type: 'denials', number: 2, denied: [] });
  asker.told({ type: 'denials', number: 1, denied });
  // Of nobody's question, and once more.
  asker.told({ type: 'denials', number: 9, denied });
  asker.told({ type: 'denials', number: 1, denied: [] });
  expect(await Promise.all([first, second])).toEqual([denied, []]);
});

test('whoever asks a privileged half that goes away is told so', async () => {
  const asker = createDenialsAsker(() => {});
  const answer = asker.ask(['44.31.0.7/32']);
  asker.lost();
  await expect(answer).rejects.toMatchObject({ code: 'unavailable' });
});
