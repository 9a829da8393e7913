import { expect, test } from 'vitest';
import { type Dataplane, emptyDataplane, type Kind, type Kinds, put } from '#internal/dataplane/dataplane.ts';
import { plan, stepLine } from './plan.ts';

function holding<K extends Kind>(kind: K, value: Kinds[K]): Dataplane {
  const made = emptyDataplane();
  put(made, kind, value);
  return made;
}
const lines = (want: Dataplane, found: Dataplane): readonly string[] => plan(want, found).map(stepLine);

test('of a change it is told what changes, of the rest what it is', () => {
  const shaper = { netns: 'pop', dev: 'p44w0', minor: 2, parent: 1, rateBitPerSecond: 8_000, queue: true } as const;
  const [slow, fast] = [1, 2].map((n) => holding('class', { ...shaper, ceilBitPerSecond: n * 10_000_000 }));
  expect(lines(fast as Dataplane, slow as Dataplane)).toEqual([
    '~ class pop p44w0 1:2: ceilBitPerSecond 10000000 -> 20000000',
  ]);
  expect(lines(fast as Dataplane, emptyDataplane())).toEqual(['+ class pop p44w0 1:2']);
  const peer = { link: 'p44w0', publicKey: 'key', keepaliveSeconds: 0 };
  const one = holding('peer', { ...peer, allowedIps: ['44.31.0.1/32'] });
  const two = holding('peer', { ...peer, allowedIps: ['44.31.0.1/32', '44.31.0.8/29'], endpoint: '198.18.1.2:1' });
  expect(lines(two, one)).toEqual([
    '~ peer p44w0 key: allowedIps 44.31.0.1/32 -> 44.31.0.1/32 44.31.0.8/29, endpoint none -> 198.18.1.2:1',
  ]);
});

test('of a text it is told how many lines change, and nothing of keys, sealed or in files', () => {
  const text = (body: string): Dataplane => holding('bird', { netns: 'pop', text: body, lifelines: [] });
  expect(lines(text('a\nb\nb\npassword "x";'), text('b\na\nc'))).toEqual(['~ bird pop: +2 -1 lines']);
  const link = { name: 'p44w0', netns: 'pop', mtu: 1420, listenPort: 1, fwmark: 0 } as const;
  const [filed, sealed] = [
    holding('link', { ...link, privateKeyFile: '/keys/access' }),
    holding('link', { ...link, privateKeyFile: '', sealedPrivateKey: 'YWdl' }),
  ];
  expect(lines(sealed, filed)).toEqual(['~ link p44w0']);
});
