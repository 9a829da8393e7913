import { describe, expect, test } from 'vitest';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

const underlay4 = '198.18.1.2';
const pops = [
  { id: 'a', kind: 1 },
  { id: 'b', kind: 1 },
  { id: 'r', kind: 2 },
];
const nodes = [
  { node: { id: 'b1', popId: 'b', underlay4 } },
  { node: { id: 'a2', popId: 'a', underlay4 } },
  { node: { id: 'a1', popId: 'a', underlay4 } },
  { node: { id: 'r1', popId: 'r', underlay4 } },
  { node: { id: 'a3', popId: 'a', underlay4, revokedAt: { seconds: 1n } } },
];
const joinA = { id: 'a1-b1', nodeA: 'a1', nodeB: 'b1' };
const fabric = (interconnects: readonly object[] = [joinA], more: readonly object[] = []) => ({
  listPops: { pops },
  listNodes: { nodes: [...nodes, ...more] },
  listInterconnects: { interconnects },
});

describe('pop44 interconnect mesh', () => {
  test('joins each pair of nodes of COREs that is not joined yet, once [N2]', async () => {
    const { client, sent } = recorder({ ...fabric(), createInterconnect: { interconnect: { id: 'made' } } });
    const { code, stdout, stderr } = await cli(client, 'interconnect mesh');
    expect([code, stderr]).toEqual([0, '2 of 2 interconnects created\n']);
    expect(stdout.match(/made/g)).toHaveLength(2);
    expect(sent.filter(({ method }) => method === 'createInterconnect').map(({ request }) => request)).toEqual([
      { nodeA: 'a1', nodeB: 'a2' },
      { nodeA: 'a2', nodeB: 'b1' },
    ]);
  });

  test('--dry-run shows the pairs and joins none', async () => {
    const { client, sent } = recorder(fabric());
    const { code, stdout } = await cli(client, 'interconnect mesh --dry-run');
    expect([code, stdout]).toEqual([0, 'a1\ta2\na2\tb1\n']);
    expect(sent.some(({ method }) => method === 'createInterconnect')).toBe(false);
  });

  test('a full mesh needs nothing', async () => {
    const all = [joinA, { nodeA: 'a1', nodeB: 'a2' }, { nodeA: 'a2', nodeB: 'b1' }];
    const { client, sent } = recorder(fabric(all));
    const { code, stderr } = await cli(client, 'interconnect mesh');
    expect([code, stderr]).toEqual([0, 'all 3 nodes of COREs are joined with each other\n']);
    expect(sent.some(({ method }) => method === 'createInterconnect')).toBe(false);
  });

  test('nodes that cannot reach each other are named, the others joined', async () => {
    const apart = { node: { id: 'b2', popId: 'b', underlay6: '2001:db8::1' } };
    const { client, sent } = recorder(fabric(undefined, [apart]));
    const { code, stderr } = await cli(client, 'interconnect mesh');
    expect(code).toBe(0);
    expect(stderr).toContain('a1 and b2 share no underlay family: not joined');
    expect(sent.filter(({ method }) => method === 'createInterconnect')).toHaveLength(2);
  });

  test('a refusal ends it and says how far it came', async () => {
    const { client } = recorder({ ...fabric(), createInterconnect: new Error('refused') });
    const { code, stderr } = await cli(client, 'interconnect mesh');
    expect(code).not.toBe(0);
    expect(stderr).toContain('0 of 2 interconnects created');
  });
});
