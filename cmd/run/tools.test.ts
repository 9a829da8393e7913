// A stand-in for Go that notes what it was asked and writes a file: the tools themselves are built by `npm run tools`.

import { execFile } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const run = promisify(execFile);
const script = join(import.meta.dirname, 'run.mjs');
let folder: string;
const at = (name: string): string => join(folder, name);

beforeEach(() => {
  // Not in the system's folder for temporary files: nothing can be executed in /dev/shm.
  folder = mkdtempSync('/tmp/tools-');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function installGo(version: string, build = 'while [ "$1" != -o ]; do shift; done; echo "$*" > "$2"'): void {
  writeFileSync(
    at('go'),
    `#!/bin/sh\nif [ "$1" = version ]; then echo "go version ${version} linux/amd64"; exit; fi\necho "$*" >> ${at('asked')}\n${build}\n`,
  );
  chmodSync(at('go'), 0o755);
}

const buildTools = () =>
  run(process.execPath, [script, 'tools'], {
    env: { PATH: `${folder}:${process.env['PATH'] ?? ''}`, XDG_CACHE_HOME: at('cache') },
  });

const builds = (): number =>
  existsSync(at('asked')) ? readFileSync(at('asked'), 'utf8').trim().split('\n').length : 0;
const built = (): readonly string[] =>
  globSync(at('cache/pop44/tools/*/bin/*')).map((path) => path.replace(/.*\//, ''));

test('tools are built once, with their sources held to go.sum; then nothing is said or done', async () => {
  installGo('go1.21.0');
  const { stdout, stderr } = await buildTools();
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^tools: building toxiproxy-server, etcd, pebble, wireguard-go .*\ntools: ready in \d+ s\n$/);
  expect([...built()].sort()).toEqual(['SHA256SUMS', 'etcd', 'pebble', 'toxiproxy-server', 'wireguard-go']);
  expect(readFileSync(at('asked'), 'utf8').match(/^build -mod=readonly /gm)).toHaveLength(4);
  expect(await buildTools()).toEqual({ stdout: '', stderr: '' });
  expect(builds()).toBe(4);
});

test('two at once build once', async () => {
  installGo('go1.21.0');
  await Promise.all([buildTools(), buildTools()]);
  expect(builds()).toBe(4);
});

test('a tool that is not what was built is built anew; so are all with another Go', async () => {
  installGo('go1.21.0');
  await buildTools();
  writeFileSync(globSync(at('cache/pop44/tools/*/bin/etcd'))[0] ?? '', 'something else');
  await buildTools();
  expect(builds()).toBe(8);
  installGo('go1.22.0');
  await buildTools();
  expect(builds()).toBe(12);
});

test('a Go that is too old is told, with the cure', async () => {
  installGo('go1.19.8');
  await expect(buildTools()).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /Go 1\.21 or newer is needed, and here is go version go1\.19\.8 .*apt-get install golang-go/,
    ),
  });
  expect(builds()).toBe(0);
});

test('a build that fails says why and leaves nothing that could be taken for a tool', async () => {
  installGo('go1.21.0', 'echo "cannot find module" >&2; exit 1');
  await expect(buildTools()).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/toxiproxy-server could not be built:\ngo build .*\(exit 1\):\ncannot find module/),
  });
  expect(built()).toEqual([]);
});
