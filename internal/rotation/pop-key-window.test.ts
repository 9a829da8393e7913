import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { AccessKeySchema, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { Decision, RecordEvent } from '#internal/model/record.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { endWindowsAgainAndAgain } from './pop-key-window.ts';

const now = new Date(Date.UTC(2026, 0, 2));

/** PoPs whose next key's time has come; of those in `garbled` nobody can read the next key. */
function due(garbled: readonly string[]): Snapshot {
  const before = threePops();
  const events = ['p1', 'p2', 'p3'].map((id): RecordEvent => {
    const pop = clone(PopSchema, before.pops.get(id)?.record ?? create(PopSchema));
    pop.nextAccessKey = create(AccessKeySchema, {
      ...{ publicKey: testKey(70), port: 4444, sealed: { [id]: new Uint8Array(232) } },
      ...{ since: timestampFromDate(new Date(0)), takesOverAt: timestampFromDate(new Date(1)) },
    });
    return { kind: 'pop', id, stored: { record: pop, revision: 9n } };
  });
  const { snapshot } = fold(before, { revision: 9n, relisted: false, events });
  for (const id of garbled)
    Object.defineProperty(snapshot.pops.get(id)?.record.nextAccessKey ?? {}, 'takesOverAt', {
      get: () => {
        throw new RangeError(`no time in ${id}`);
      },
    });
  return snapshot;
}

/** What is committed and told of in so many looks. */
async function looked(snapshots: readonly Snapshot[]) {
  const decisions: Decision[] = [];
  const failures: unknown[] = [];
  const ended = new AbortController();
  let look = 0;
  await endWindowsAgainAndAgain(
    {
      nodeId: 'p1',
      clock: {
        ...realClock,
        wall: () => now,
        sleep: async () => {
          look += 1;
          if (look === snapshots.length) ended.abort();
        },
      },
      head: { snapshot: () => snapshots[look] ?? threePops(), reached: async () => undefined },
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
  const written = decisions.flatMap(({ writes }) =>
    writes.flatMap((write) => (write.kind === 'pop' ? [write.id] : [])),
  );
  return { written, failures };
}

test('a PoP whose window cannot be looked at is told of, and holds up no other', async () => {
  const { written, failures } = await looked([due(['p1'])]);
  expect(written).toEqual(['p2', 'p3']);
  expect(failures).toEqual([new RangeError('no time in p1')]);
});

test('of each PoP a failure is told once, and again when it comes back', async () => {
  const two = due(['p1', 'p2']);
  const { failures } = await looked([two, two, two, due(['p1']), two]);
  expect(failures).toEqual(['p1', 'p2', 'p2'].map((id) => new RangeError(`no time in ${id}`)));
});
