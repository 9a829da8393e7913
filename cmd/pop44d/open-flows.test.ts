import { expect, test } from 'vitest';
import type { Flow } from '#internal/dataplane/dataplane.ts';
import { type Prefix, parsePrefix } from '#internal/netip/netip.ts';
import { createOpenFlows } from './open-flows.ts';

const prefixOf = (tunnelId: string): Prefix => parsePrefix(`${tunnelId}/32`) as Prefix;
const flowTo = (to: string): Flow => ({
  ...{ protocol: 'udp', from: '198.18.0.1', to, fromPort: 1024, toPort: 53 },
  ...{ state: '', secondsLeft: 20, answered: true, assured: true, mark: 69 },
});

/** Tunnels are named by their addresses; the kernel has a flow to each. */
function kernel() {
  const looks: (readonly Prefix[])[] = [];
  let [underWay, most] = [0, 0];
  const ask = async (prefixes: readonly Prefix[]): Promise<readonly Flow[]> => {
    looks.push(prefixes);
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    return prefixes.map((prefix) => flowTo(prefix.split('/')[0] ?? ''));
  };
  return { looks, ask, most: () => most };
}
const ids = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `44.31.0.${n + 1}`);

test('of two hundred tunnels that are asked for at once the table is read four times, one after the other [N8]', async () => {
  const { looks, ask, most } = kernel();
  const open = createOpenFlows((tunnelId) => [prefixOf(tunnelId)], ask);
  const found = await Promise.all(ids(200).map(open));
  expect(found).toEqual(ids(200).map((id) => [flowTo(id)]));
  expect([looks.length, most()]).toEqual([4, 1]);
});

test('what is asked for while a look is under way is in the next one, and one that is asked for twice in it once', async () => {
  const { looks, ask, most } = kernel();
  const open = createOpenFlows((tunnelId) => [prefixOf(tunnelId)], ask);
  const [first = '', second = '', third = ''] = ids(3);
  const before = open(first);
  await Promise.resolve();
  await Promise.resolve();
  const after = await Promise.all([before, ...[second, third, second].map(open)]);
  expect(after.map((flows) => flows[0]?.to)).toEqual([first, second, third, second]);
  expect(looks.map((prefixes) => prefixes.length)).toEqual([1, 2]);
  expect(most()).toBe(1);
});

test('nobody is asked for a tunnel without prefixes; a look that fails fails for its tunnels alone', async () => {
  const { looks, ask } = kernel();
  let away = true;
  const open = createOpenFlows(
    (tunnelId) => (tunnelId === 'bare' ? [] : [prefixOf(tunnelId)]),
    async (prefixes) => {
      if (away) throw new Error('away');
      return ask(prefixes);
    },
  );
  expect(await open('bare')).toEqual([]);
  const [first = ''] = ids(1);
  await expect(open(first)).rejects.toThrow('away');
  away = false;
  expect(await open(first)).toHaveLength(1);
  expect(looks).toHaveLength(1);
});
