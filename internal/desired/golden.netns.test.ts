import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { run } from '#internal/exec/exec.ts';
import type { Policy } from '#internal/firewall/firewall.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { policyElements } from './nft-policy.ts';

test.each(['transport', 'pop', 'ospf', 'beside'])('BIRD takes the golden configuration of %s', async (netns) => {
  const text = await readFile(new URL(`testdata/p1.${netns}.bird.conf`, import.meta.url), 'utf8');
  const file = `/tmp/golden-${netns}.conf`;
  const check = async (config: string): Promise<void> => {
    await writeFile(file, config);
    await run({ file: 'bird', args: ['-p', '-c', file] });
  };
  await check(text);
  await expect(check(`${text}\nprotocol bgp nonsense { local as x; }`)).rejects.toThrow('syntax error');
});

test('nft takes the golden rulesets of both namespaces, and the elements of a tunnel with every kind of rule', async () => {
  for (const name of ['p1.transport', 'unknown.transport', 'p1.pop']) {
    const text = await readFile(new URL(`testdata/${name}.nft`, import.meta.url), 'utf8');
    const elements = name === 'p1.pop' ? policyElementsOf(['44.31.0.7/32', '2001:db8:44:7::/64']) : [];
    const check = (rules: string): Promise<unknown> =>
      run({
        file: 'nft',
        args: ['--check', '-f', '-'],
        input: [`table inet pop44 {`, rules, '}', ...elements, ''].join('\n'),
      });
    await check(text);
    await expect(check(`${text}\nchain fwd { }`)).rejects.toThrow('syntax error');
  }
});

function policyElementsOf(prefixes: readonly string[]): readonly string[] {
  const policy: Policy = {
    presets: ['ping', 'web'],
    rules: [
      { protocol: 6, firstPort: 22, lastPort: 22 },
      { protocol: 17, firstPort: 5000, lastPort: 5100, source: '203.0.112.0/22' as Prefix },
      { protocol: 1, firstPort: 0, lastPort: 0, source: '2001:db8:1::/48' as Prefix },
      { protocol: 47, firstPort: 0, lastPort: 0 },
    ],
  };
  const made = prefixes.flatMap((prefix) => policyElements(policy, prefix as Prefix));
  return made.map(({ set, element }) => `add element inet pop44 ${set} { ${element} }`);
}
