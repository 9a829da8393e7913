// Which tests there are and what each kind may take: the suffix of a test file says what it needs.

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const everywhere = '{cmd,internal,bench,chaos,web}/**';
const etcd = `${everywhere}/*.etcd.test.ts`;
const netns = `${everywhere}/*.netns.test.ts`;

/** Real processes on a machine that others use too: a minute is a hang, not slowness. */
const withProcesses = { testTimeout: 60_000, hookTimeout: 60_000 };

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
      {
        extends: true,
        test: {
          name: 'unit',
          include: [`${everywhere}/*.test.ts`],
          exclude: ['**/*.*.test.ts'],
          // Half the time: modules are loaded once a worker, not once a file. They hold no state to share.
          isolate: false,
          // Laws with thousands of runs, on a machine that others use too.
          testTimeout: 30_000,
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'etcd', include: [etcd], maxWorkers: 2, sequence: { groupOrder: 1 }, ...withProcesses },
      },
      {
        extends: true,
        test: {
          name: 'netns',
          include: [netns],
          // They share one network namespace and /run: one file after another.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          ...withProcesses,
        },
      },
    ],
  },
});
