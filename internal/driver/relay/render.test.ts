import { expect, test } from 'vitest';
import { addLink, type RelayPlace, relayText } from './render.ts';

const place: RelayPlace = {
  ...{ own: '172.30.34.1', far: '172.30.34.2', first: true },
  ...{ endpoints: ['44.27.0.3', '2001:db8:1:e3::1'], ports: [51820] },
};

test('the two ends of a relay name each other, and which is which [N8]', () => {
  const near = addLink(place);
  const far = addLink({ ...place, own: place.far, far: place.own, first: false });
  expect(near[0]).toContain('local 172.30.34.1 remote 172.30.34.2');
  expect(near).toContain('address add 169.254.44.1/30 dev p44r scope link');
  expect(near).toContain('neighbour replace fe80::46:2 lladdr 02:44:00:00:01:02 dev p44r nud permanent');
  expect(far[0]).toContain('address 02:44:00:00:01:02');
  expect(far).toContain('neighbour replace fe80::46:1 lladdr 02:44:00:00:01:01 dev p44r nud permanent');
});

test('who hands its sessions over neither hears nor makes an initiation [N8]', () => {
  const copied = relayText(place, 'copied');
  expect(copied).toContain('@th,64,32 0x01000000 accept');
  expect(copied.match(/^.*drop$/gm)?.every((line) => line.includes('@answered'))).toBe(true);
  const handed = relayText(place, 'handed');
  expect(handed.match(/@th,64,32 0x01000000 drop/g)).toHaveLength(4);
  expect(handed).toContain('meta mark 68');
});

test('a link that is kept carries nothing, and what would be answered by it has a way [N8]', () => {
  const kept = relayText(place, 'kept');
  expect(kept).not.toContain('goto both');
  expect(kept).toContain('oifname "p44r" meta mark 68 meta mark set 70');
});

test.each<[string, Partial<RelayPlace>]>([
  ['an address', { own: '172.30.34.1 dev lo' }],
  ['same family', { far: '2001:db8::1' }],
  ['an address', { endpoints: ['44.27.0.3 accept; }'] }],
  ['a port', { ports: [51820, 0] }],
  ['one port', { ports: [] }],
])('what is not %s reaches no tool', (what, change) => {
  const wrong = { ...place, ...change };
  expect(() => [addLink(wrong), relayText(wrong, 'copied')]).toThrow(what);
});
