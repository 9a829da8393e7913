import { expect, test } from 'vitest';
import { createStatus, hearsBack, silent } from './status.ts';

const applied = (appliedRevision: bigint) => ({ ...silent, appliedRevision });

test('waiting ends when every named node has applied the revision, and not before', async () => {
  const status = createStatus('p1');
  const seen: (readonly string[])[] = [];
  const done = (async () => {
    for await (const missing of status.pending(7n, ['p1', 'p2', 'p3'], new AbortController().signal))
      seen.push(missing);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  status.heard('p2', applied(6n), new Date(0));
  status.update({ appliedRevision: 9n });
  await new Promise((resolve) => setImmediate(resolve));
  status.heard('p2', applied(7n), new Date(0));
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen.at(-1)).toEqual(['p3']);
  status.heard('p3', applied(8n), new Date(0));
  await done;
  expect(seen).toEqual([['p1', 'p2', 'p3'], ['p2', 'p3'], ['p3'], []]);
});

test('a waiter whose caller goes away is let go', async () => {
  const status = createStatus('p1');
  const gone = new AbortController();
  const seen: (readonly string[])[] = [];
  const done = (async () => {
    for await (const missing of status.pending(1n, ['p2'], gone.signal)) seen.push(missing);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  gone.abort();
  await done;
  expect(seen).toEqual([['p2']]);
});

test('a node that is lost keeps its last report and is not connected', () => {
  const status = createStatus('p1');
  status.heard('p2', applied(5n), new Date(0), { rttMs: 1.5, clockOffsetMs: undefined });
  status.lost('p2');
  expect(status.of('p2')).toMatchObject({ connected: false, rttMs: 1.5, report: { appliedRevision: 5n } });
});

test('what a beacon has said is believed for five seconds, and no longer [N5]', () => {
  const status = createStatus('p1');
  status.sighted('p2', { at: new Date(0), hearsUs: false });
  const told = (ms: number): unknown => hearsBack(status.of('p2') ?? fail(), 'p1', new Date(ms));
  expect([told(5_000), told(5_001)]).toEqual([false, undefined]);
  expect([5_000, 5_001].map((ms) => status.hears(new Date(ms))[0]?.heard)).toEqual([true, false]);
});

function fail(): never {
  throw new Error('never heard of');
}
