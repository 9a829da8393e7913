import { clone, create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { DrainSchema, NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold } from '#internal/model/model.ts';
import { createStatus, silent } from '#internal/status/status.ts';
import { threePops } from '#internal/testkit/three-pops.ts';
import { createVerdicts } from './verdicts.ts';

/** p1's, which has interconnects. */
function judging() {
  const status = createStatus('p1');
  const told: unknown[] = [];
  let nowMs = 0;
  let snapshot = threePops();
  const verdicts = createVerdicts({
    nodeId: 'p1',
    status,
    snapshot: () => snapshot,
    shares: (next) => told.push(next),
    clock: { ...realClock, monotonicMs: () => nowMs },
    log: { info: () => undefined },
  });
  const paths = () => {
    nowMs += 500;
    verdicts.beat();
    return status.own().paths;
  };
  const drain = (id: string): void => {
    const record = clone(NodeSchema, snapshot.nodes.get(id)?.record ?? create(NodeSchema));
    record.drain = create(DrainSchema);
    const revision = snapshot.revision + 1n;
    const events = [{ kind: 'node', id, stored: { record, revision } } as const];
    ({ snapshot } = fold(snapshot, { revision, relisted: false, events }));
    verdicts.changed();
  };
  return { status, verdicts, paths, told, drain };
}

test('a path that was never up is down as soon as somebody tells of paths, and its share stays [N4]', () => {
  const { verdicts, paths, told } = judging();
  const all = paths();
  expect(all.length).toBeGreaterThan(1);
  expect(all.map(({ verdict }) => verdict)).toEqual(all.map(() => 'good'));
  const [first] = all;
  verdicts.heard({ type: 'links', links: [[first?.link ?? '', true, 0]] });
  for (let beat = 0; beat < 100; beat += 1) paths();
  const now = paths();
  expect(now.map(({ up, verdict, weight }) => [up, verdict, weight])).toEqual([
    [true, 'good', 16],
    ...all.slice(1).map(() => [false, 'bad', 16]),
  ]);
  expect(told).toEqual([]);
  // What nobody tells of any more is no loss.
  verdicts.lost();
  expect(paths().map(({ verdict }) => verdict)).toEqual(all.map(() => 'good'));
});

test('a node that is drained costs its paths nothing, whatever it says and whether it speaks or not [N8]', () => {
  const { status, paths, told, drain } = judging();
  const far = paths()[0]?.nodeId ?? '';
  status.heard(far, { ...silent, notServing: true }, new Date());
  const others = paths().find(({ nodeId }) => nodeId !== far)?.nodeId ?? '';
  status.heard(others, silent, new Date());
  const troubles = () => paths().flatMap((path) => (path.nodeId === far ? [path.troubles.join()] : []));
  expect(troubles()).toContain('not-serving');
  drain(far);
  expect(troubles().filter((text) => text !== '')).toEqual([]);
  for (let beat = 0; beat < 100; beat += 1) paths();
  expect(told).toEqual([]);
});
