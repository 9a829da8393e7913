// Which tests there are and what each kind may take: the suffix of a test file says what it needs.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const everywhere = '{cmd,internal,bench,chaos,web}/**';
const etcd = `${everywhere}/*.etcd.test.ts`;
const netns = `${everywhere}/*.netns.test.ts`;
const browser = `${everywhere}/*.browser.test.ts`;

/** Where the tools are that npm's scripts have built; internal/testkit/tools.etcd.test.ts says so when there are none. */
const tools = process.env['POP44_TOOLS'] ?? '';
/** What speaks to etcd itself, and what stands on it when things go wrong: once more on etcd 3.6. */
const again = 'internal/{etcd,election,store}/*.etcd.test.ts';
/** What takes longest runs once in a run of all, which has ten minutes. */
const shorter = 'internal/{etcd/calls,election/*,store/*}.etcd.test.ts';
const etcdAgain = tools === '' ? [] : [(process.env['POP44_ALL'] ?? '') === '' ? again : shorter];

/** Modules are loaded once a worker, not once a file, which took a tenth of the time. They hold no state to share. */
const withoutIsolation = false;

/** What needs nothing. Laws with thousands of runs, on a machine that others use too, may take some time. */
const needsNothing = {
  isolate: withoutIsolation,
  testTimeout: 30_000,
  maxWorkers: availableParallelism(),
  sequence: { groupOrder: 0 },
};

/** In the machine of `npm run test:kernel`, which is some ten times slower, any of the tests may run. */
const ofKernel = (process.env['POP44_KERNEL'] ?? '') === '' ? [] : [netns, `${everywhere}/*.kernel.test.ts`];

const inCi = (process.env['CI'] ?? '') !== '' && process.env['CI'] !== 'false';
/**
 * Real processes on a machine that others use too: a minute is a hang, not slowness. In CI, where nobody is there to look
 * whether the machine was away for a second, a test is tried once more, and the reporter says so.
 */
const withProcesses = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  retry: inCi ? 1 : 0,
  isolate: withoutIsolation,
};

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    // Node itself loads the code, as it does in production: what type stripping cannot do fails here too.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    // Nothing is written beside the sources.
    cache: false,
    fsModuleCache: false,
    // grpc-js names the server in TLS even by its IP address, which Node deprecates; etcd's endpoints are such addresses.
    execArgv: ['--disable-warning=DEP0123'],
    teardownTimeout: 10_000,
    slowTestThreshold: 5_000,
    projects: [
      ...ofKernel.slice(0, 1).map(() => ({
        extends: true as const,
        test: {
          name: 'kernel',
          include: ofKernel,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
          ...withProcesses,
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      })),
      {
        extends: true,
        test: { name: 'unit', include: [`${everywhere}/*.test.ts`], exclude: ['**/*.*.test.ts'], ...needsNothing },
      },
      {
        extends: true,
        // A file that takes longer than a second or so by itself: `npm run check` leaves it to `npm test`.
        test: { name: 'slow', include: [`${everywhere}/*.slow.test.ts`], ...needsNothing },
      },
      {
        extends: true,
        test: { name: 'etcd', include: [etcd], maxWorkers: 3, sequence: { groupOrder: 1 }, ...withProcesses },
      },
      ...etcdAgain.map((include) => ({
        extends: true as const,
        test: {
          name: 'etcd 3.6',
          include: [include],
          env: { POP44_ETCD: join(tools, 'etcd') },
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
          ...withProcesses,
        },
      })),
      {
        extends: true,
        // Projects of one group have as many workers.
        test: { name: 'browser', include: [browser], maxWorkers: 1, sequence: { groupOrder: 4 }, ...withProcesses },
      },
      {
        extends: true,
        // Its files share a network namespace and /run: one after another.
        test: { name: 'netns', include: [netns], maxWorkers: 1, sequence: { groupOrder: 2 }, ...withProcesses },
      },
    ],
  },
});
