import { expect, test } from 'vitest';
import { fold, peerKeyId, type Snapshot } from '#internal/model/model.ts';
import type { WgKey } from '#internal/netip/netip.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { createFormerOwners, readings } from './owners.ts';

const old = testKey(1);
const id = peerKeyId(old as WgKey);
const before = threePops(1);

function released(snapshot: Snapshot): ReturnType<typeof fold> {
  return fold(snapshot, { revision: snapshot.revision + 1n, relisted: false, events: [{ kind: 'peerkey', id }] });
}

test('what a key carried before its tunnel let go of it is counted for that tunnel [P4]', () => {
  const former = createFormerOwners();
  const tunnelId = before.peerkeys.get(id)?.record.tunnelId ?? '';
  const told = [[old, 700, 70, 'p44w0']] as const;
  const reading = { tunnelId, publicKey: old, rxBytes: 700, txBytes: 70 };
  expect(readings(before, former, told, 0)).toEqual([reading]);
  const { snapshot, changes } = released(before);
  former.changed(changes, 1_000);
  expect(readings(snapshot, former, told, 11_000)).toEqual([reading]);
  expect(readings(snapshot, former, [[testKey(77), 1, 1, 'p44w0']], 11_000)).toEqual([]);
  // After a minute nobody tells of that time any more.
  expect(readings(snapshot, former, told, 61_000)).toEqual([]);
  former.changed([], 61_000);
  expect(former.of(id, 1_000)).toBeUndefined();
});

test('a key has a counter on each interface, and a tunnel both [P4]', () => {
  const tunnelId = before.peerkeys.get(id)?.record.tunnelId ?? '';
  const told = [
    [old, 700, 70, 'p44w0'],
    [old, 7, 8, 'p44w1'],
  ] as const;
  expect(readings(before, createFormerOwners(), told, 0)).toEqual([
    { tunnelId, publicKey: old, rxBytes: 700, txBytes: 70 },
    { tunnelId, publicKey: `${old} p44w1`, rxBytes: 7, txBytes: 8 },
  ]);
});
