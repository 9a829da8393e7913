// Birth: settings that glibc and Node take from the environment, and only when a process begins. Whoever starts pop44d
// need not know them.

import { fileURLToPath } from 'node:url';
import { coreless, emptyCore, mayDumpCore } from './core.ts';

const settings = {
  // One heap of malloc's for all threads: else each keeps what it has freed (at rest 44 MB of both halves, measured).
  MALLOC_ARENA_MAX: '1',
  // The default, but set: else glibc raises it with each large buffer freed, and gives little back (mallopt(3)).
  MALLOC_TRIM_THRESHOLD_: '131072',
  // Here, since a program that asks for the cache has been read without it: each start would strip types again, and
  // keep the stripper (27 MB, measured).
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)),
};

const collecting: { readonly [command: string]: readonly string[] } = {
  run: [
    // MB. What hundreds of requests in flight hold must not be taken for old before it is garbage: of each MB that a busy `run`
    // makes, collections take 0.7 ms with 16 and 1.3 with 4 (measured). It gives them back at rest (memory.ts).
    '--max-semi-space-size=16',
    // Which marks the whole heap, 1.7 s of processor with 100,000 tunnels, whenever little was made for 8 s; memory.ts gives back at rest.
    '--no-memory-reducer',
    // V8 would mark it whenever it has grown by a tenth, which is 800 changes there.
    '--heap-growing-percent=50',
  ],
};

/** Node opens an inspector at SIGUSR1, on a port of loopback, where all memory can be read. */
const noInspector = '--disable-sigusr1';

const bornWithSettings = (): boolean =>
  Object.keys(settings).every((name) => process.env[name] !== undefined) &&
  process.execArgv.includes(noInspector) &&
  !mayDumpCore();

/** Begins the process anew, under its own pid, unless it was born with settings; such as are set already stay. */
export function bornFrugal(): void {
  emptyCore();
  if (bornWithSettings()) return;
  const ours = collecting[process.argv[2] ?? ''] ?? [];
  const flags = new Set([...process.execArgv, ...ours, noInspector]);
  const argv = coreless([process.execPath, ...flags, ...process.argv.slice(1)]);
  process.execve?.(argv[0], argv, { ...settings, ...process.env });
}
