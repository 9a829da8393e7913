import { expect, test } from 'vitest';
import { fold, type Snapshot } from '#internal/model/model.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { desired, type Self } from './desired.ts';

const self: Self = { nodeId: 'p1', accessKeyFile: '/keys/access', interconnectKeyFile: '/keys/interconnect' };
const of = (nodeId: string, snapshot: Snapshot) => desired(snapshot, { ...self, nodeId }, new Set());
const sealed = (n: number): Uint8Array => new Uint8Array(200).fill(n);
const text = (n: number): string => Buffer.from(sealed(n)).toString('base64');

function altered(kind: 'tunnel' | 'pop', id: string, fields: object): Snapshot {
  const snapshot = threePops(1);
  const stored = (kind === 'tunnel' ? snapshot.tunnels : snapshot.pops).get(id);
  const record = { ...stored?.record, ...fields } as never;
  return fold(snapshot, { revision: 9n, relisted: false, events: [{ kind, id, stored: { revision: 9n, record } }] })
    .snapshot;
}

test('a peer has the ciphertext for its node and no other [S5]', () => {
  const snapshot = altered('tunnel', 't1', { sealedPresharedKey: { p1: sealed(1), p2: sealed(2) } });
  const keys = ['p1', 'p2'].map((node) => [...of(node, snapshot).peer.values()].map((peer) => peer.sealedPresharedKey));
  expect(keys.map((found) => found.filter((key) => key !== undefined))).toEqual([[text(1)], [text(2)]]);
});

test('a node that the pre-shared key was not sealed to does not carry the tunnel, not even without the key', () => {
  const bare = of('p3', threePops(0));
  const snapshot = altered('tunnel', 't1', { sealedPresharedKey: { p1: sealed(1), p2: sealed(2) } });
  const made = of('p3', snapshot);
  expect([...made.peer.keys()]).toEqual([...bare.peer.keys()]);
  expect(made.element.size).toBe(bare.element.size);
});

test.each([0, 1025, 1_000_000])(
  'a record that a hand wrote with %i bytes for a ciphertext stops its tunnel alone',
  (size) => {
    const wrong = new Uint8Array(size);
    const snapshot = altered('tunnel', 't1', { sealedPresharedKey: { p1: wrong } });
    expect([...of('p1', snapshot).peer.keys()]).toEqual([...of('p1', threePops(0)).peer.keys()]);
    const access = of('p1', altered('pop', 'p1', { sealedAccessKey: { p1: wrong } })).link.get('p44w0');
    expect(access).toMatchObject({ privateKeyFile: '' });
    expect(access).not.toHaveProperty('sealedPrivateKey');
  },
);

test('the access key of a PoP is what was sealed to its node, else a file, and nothing when it is sealed to others', () => {
  const access = (snapshot: Snapshot) => of('p1', snapshot).link.get('p44w0');
  expect(access(threePops(1))).toMatchObject({ privateKeyFile: '/keys/access' });
  expect(access(threePops(1))).not.toHaveProperty('sealedPrivateKey');
  const given = altered('pop', 'p1', { sealedAccessKey: { p1: sealed(3), '@recovery': sealed(4) } });
  expect(access(given)).toMatchObject({ privateKeyFile: '', sealedPrivateKey: text(3) });
  const others = access(altered('pop', 'p1', { sealedAccessKey: { p9: sealed(5) } }));
  expect(others).toMatchObject({ privateKeyFile: '' });
  expect(others).not.toHaveProperty('sealedPrivateKey');
});
