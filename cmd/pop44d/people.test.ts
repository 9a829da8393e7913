import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import type { NodeConfig } from '#internal/config/config.ts';
import { createLog } from '#internal/log/log.ts';
import { emptySnapshot } from '#internal/model/model.ts';
import type { Store } from '#internal/store/store.ts';
import type { KeptIdentity } from '#internal/trust/trust.ts';
import { openPeople } from './people.ts';

test('a node of no CORE waits with one listener, however often the fabric changes, and ends with the daemon', async () => {
  const people = openPeople({
    config: { nodeId: 'p1', stateDir: '/nowhere' } as NodeConfig,
    // Nothing of it is asked before the node stands in a CORE.
    store: {} as Store,
    identity: {} as KeptIdentity,
    clock: realClock,
    log: createLog({}, 'silent'),
    snapshot: emptySnapshot,
    changed: () => undefined,
  });
  const stop = new AbortController();
  const running = people.run(stop.signal);
  for (let change = 0; change < 50; change += 1) {
    people.look();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1);
  stop.abort();
  await running;
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
});
