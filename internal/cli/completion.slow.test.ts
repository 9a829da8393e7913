import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

const { client } = recorder();
const next = async (...words: readonly string[]): Promise<readonly string[]> => {
  const { code, stdout, stderr } = await cli(client, ['completion', 'next', '--', ...words]);
  expect([code, stderr]).toEqual([0, '']);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0] ?? '');
};

test.each([
  [['tun'], ['tunnel']],
  [
    ['tunnel', 'rot'],
    ['rotate-key', 'rotate-psk'],
  ],
  [
    ['tunnel', 'firewall', 's'],
    ['set', 'show'],
  ],
  [
    ['-o', 'j'],
    ['json', 'jsonl'],
  ],
  [['pool', 'list', '--output=y'], ['--output=yaml']],
  [['-o', 'json', 'pool', 'wa'], ['watch']],
  [
    ['tunnel', 'file', 'shack', '--format', 'net'],
    ['networkmanager', 'networkd'],
  ],
  [['tunnel', 'file', 'shack', '--key'], ['--key-file']],
  [['tunnel', 'file', '--key-file', ''], [':files']],
  [['tunnel', 'create', 'x', '--wait', '--dry'], ['--dry-run']],
  [['pool', 'show', '--cont'], ['--context']],
  [['context', 'add', 'x', ''], [':files']],
  [['lab', 'exec', 'client', '--', ''], [':files']],
  [['no-such-noun', 'x'], []],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
])('after pop44 %j comes %j', async (words, wanted) => {
  expect(await next(...words)).toEqual(wanted);
});

test('at the beginning there is every noun, and none that is hidden', async () => {
  const nouns = await next('');
  const { stdout } = await cli(client, '--help');
  const told = [...(/Commands:\n([^]*)\n\n/.exec(stdout)?.[1] ?? '').matchAll(/^ {2}([a-z]+)/gm)].map(
    ([, noun]) => noun,
  );
  expect(nouns).toEqual(told);
  expect(nouns).toContain('tunnel');
});

const folder = mkdtempSync(join(tmpdir(), 'completion-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('bash completes with its script', async () => {
  const main = fileURLToPath(new URL('../../cmd/pop44/main.ts', import.meta.url));
  writeFileSync(join(folder, 'pop44'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  chmodSync(join(folder, 'pop44'), 0o755);
  writeFileSync(join(folder, 'script'), (await cli(client, 'completion bash')).stdout);
  const complete = (...words: readonly string[]): readonly string[] => {
    const run = `source ${folder}/script; COMP_WORDS=(pop44 ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _pop44; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', run], {
      encoding: 'utf8',
      cwd: folder,
      env: { PATH: `${folder}:/usr/bin:/bin` },
    });
    expect(stderr).toBe('');
    return stdout.trimEnd().split('\n');
  };
  expect(complete('interconnect', 'd')).toEqual(['describe', 'delete']);
  expect(complete('tunnel', 'file', 'shack', '--key-file', 'scr')).toEqual(['script']);
  const registered = spawnSync('bash', ['--norc', '-c', `source ${folder}/script; complete -p pop44`], {
    encoding: 'utf8',
  });
  expect(registered.stdout).toBe('complete -F _pop44 pop44\n');
});
