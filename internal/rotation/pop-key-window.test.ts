import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { AccessKeySchema, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { Decision, RecordEvent } from '#internal/model/record.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { endWindowsAgainAndAgain } from './pop-key-window.ts';

const now = new Date(Date.UTC(2026, 0, 2));

/** PoPs whose next key's time has come; of the first nobody can read the next key. */
function due(): Snapshot {
  const before = threePops();
  const events = ['p1', 'p2'].map((id): RecordEvent => {
    const pop = clone(PopSchema, before.pops.get(id)?.record ?? create(PopSchema));
    pop.nextAccessKey = create(AccessKeySchema, {
      ...{ publicKey: testKey(70), port: 4444, sealed: { [id]: new Uint8Array(232) } },
      ...{ since: timestampFromDate(new Date(0)), takesOverAt: timestampFromDate(new Date(1)) },
    });
    return { kind: 'pop', id, stored: { record: pop, revision: 9n } };
  });
  const { snapshot } = fold(before, { revision: 9n, relisted: false, events });
  const garbled = snapshot.pops.get('p1')?.record.nextAccessKey ?? {};
  Object.defineProperty(garbled, 'takesOverAt', {
    get: () => {
      throw new RangeError('no time');
    },
  });
  return snapshot;
}

test('a PoP whose window cannot be looked at is told of, and holds up no other', async () => {
  const snapshot = due();
  const decisions: Decision[] = [];
  const failures: unknown[] = [];
  const ended = new AbortController();
  const ending = endWindowsAgainAndAgain(
    {
      nodeId: 'p1',
      clock: { ...realClock, wall: () => now },
      head: { snapshot: () => snapshot, reached: async () => undefined },
      store: {
        commit: async (decision: Decision) => {
          decisions.push(decision);
          return { revision: 10n };
        },
      } as never,
      newId: () => 'window-1',
      failed: (thrown) => failures.push(thrown),
    },
    ended.signal,
  );
  await eventually(() => decisions.length > 0, 5_000);
  ended.abort();
  await ending;
  expect(decisions[0]?.writes).toContainEqual(expect.objectContaining({ kind: 'pop', id: 'p2' }));
  expect(failures).toEqual([new RangeError('no time')]);
});
