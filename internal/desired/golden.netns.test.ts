import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { run } from '#internal/exec/exec.ts';

test.each(['transport', 'pop'])('BIRD takes the golden configuration of %s', async (netns) => {
  const text = await readFile(new URL(`testdata/p1.${netns}.bird.conf`, import.meta.url), 'utf8');
  const file = `/tmp/golden-${netns}.conf`;
  const check = async (config: string): Promise<void> => {
    await writeFile(file, config);
    await run({ file: 'bird', args: ['-p', '-c', file] });
  };
  await check(text);
  await expect(check(`${text}\nprotocol bgp nonsense { local as x; }`)).rejects.toThrow('syntax error');
});

test.each(['p1.transport', 'unknown.transport', 'p1.pop'])('nft takes the golden ruleset %s', async (name) => {
  const text = await readFile(new URL(`testdata/${name}.nft`, import.meta.url), 'utf8');
  const check = (table: string) =>
    run({ file: 'nft', args: ['--check', '-f', '-'], input: `table inet pop44 {\n${table}\n}\n` });
  await check(text);
  await expect(check(text.replace('policy accept', 'policy maybe'))).rejects.toThrow('syntax error');
});
