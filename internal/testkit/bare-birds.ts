// Bare BIRDs: BIRDs in network namespaces of their own, over veth in place of WireGuard, with texts that a test gives them.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface WireEnd {
  readonly space: string;
  readonly link: string;
  readonly addresses: readonly string[];
}

export interface BareBirds {
  /** ip(8), in the caller's namespace: `-n` names another. */
  ip(...args: readonly string[]): string;
  inside(space: string, input: string, ...command: readonly string[]): string;
  /** @throws what BIRD complains of */
  birdc(space: string, command: string): string;
  add(...spaces: readonly string[]): void;
  wire(a: WireEnd, b: WireEnd): void;
  start(space: string, text: string): void;
  /** Another text for one that runs. */
  load(space: string, text: string): void;
  /** Ends the BIRDs and takes the namespaces away. */
  close(): void;
}

/** @param name of the directory for their files */
export function bareBirds(name: string): BareBirds {
  const runDir = mkdtempSync(join(tmpdir(), `pop44-${name}-`));
  const all: string[] = [];
  const file = (space: string, suffix: string): string => join(runDir, `${space}.${suffix}`);
  const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
  const inside = (space: string, input: string, ...command: readonly string[]): string =>
    execFileSync('ip', ['netns', 'exec', space, ...command], { encoding: 'utf8', input });
  function birdc(space: string, command: string): string {
    const args = ['-s', file(space, 'ctl'), ...command.split(' ')];
    const { stdout, stderr } = spawnSync('birdc', args, { encoding: 'utf8' });
    // It ends with 1 also where a route is not there.
    if (stderr !== '' || !/^BIRD .* ready/.test(stdout)) throw new Error(`${command}: ${stderr}${stdout}`);
    return stdout;
  }
  return {
    ip,
    inside,
    birdc,
    add(...spaces) {
      mkdirSync('/run/netns', { recursive: true });
      for (const space of spaces) {
        ip('netns', 'add', space);
        all.push(space);
        ip('-n', space, 'link', 'set', 'lo', 'up');
      }
    },
    wire(a, b) {
      ip('-n', a.space, 'link', 'add', a.link, 'type', 'veth', 'peer', 'name', b.link, 'netns', b.space);
      for (const { space, link, addresses } of [a, b]) {
        for (const address of addresses)
          ip('-n', space, 'address', 'add', address, 'dev', link, ...(address.includes(':') ? ['nodad'] : []));
        ip('-n', space, 'link', 'set', link, 'up');
      }
    },
    start(space, text) {
      writeFileSync(file(space, 'conf'), text);
      inside(space, '', 'bird', '-c', file(space, 'conf'), '-s', file(space, 'ctl'), '-P', file(space, 'pid'));
    },
    load(space, text) {
      writeFileSync(file(space, 'conf'), text);
      const said = birdc(space, 'configure');
      if (!/Reconfigured|Reconfiguration in progress/.test(said)) throw new Error(said);
    },
    close() {
      for (const space of all.splice(0)) {
        try {
          birdc(space, 'down');
        } catch {
          // It never came to life, and the test has said so.
        }
        ip('netns', 'del', space);
      }
      rmSync(runDir, { recursive: true });
    },
  };
}
