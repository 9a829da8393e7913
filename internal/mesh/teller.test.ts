import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { MeshFrameSchema } from '#internal/gen/pop44/v1/mesh_pb.ts';
import type { Claim } from '#internal/presence/presence.ts';
import { createStatus } from '#internal/status/status.ts';
import { createTeller } from './teller.ts';

const claim = (tunnelId: string, sequence: number): Claim => ({ tunnelId, nodeId: 'p1', sequence, handshakeMs: 1 });

/** p1's half of a stream, which answers every claim with a later one; `told` counts what it was told. */
function half(all: readonly Claim[] = []) {
  let told = 0;
  const presence = {
    all: () => all,
    told: (_peer: string, claims: readonly Claim[]) => {
      told += claims.length;
      return claims.map(({ tunnelId, sequence }) => claim(tunnelId, sequence + 1));
    },
    asked: () => undefined,
    carried: () => false,
    open: async () => [],
  };
  const stop = new AbortController();
  const teller = createTeller({ status: createStatus('p1'), clock: realClock, presence }, stop.signal);
  const hear = (claims: readonly Claim[]): void => {
    const heard = claims.map((each) => ({ ...each, handshakeMs: BigInt(each.handshakeMs) }));
    teller.hear('p2', create(MeshFrameSchema, { presence: heard }));
  };
  const frames = teller.frames();
  const next = async () => (await frames.next()).value?.presence ?? [];
  return { hear, next, teller, told: () => told, end: () => stop.abort() };
}

test('whoever asks again and again without listening is answered once for each tunnel, with what is known last', async () => {
  const { hear, next, end } = half();
  for (let sequence = 1; sequence <= 1_000; sequence += 1) hear([claim('t', sequence), claim('u', sequence)]);
  expect((await next()).map(({ tunnelId, sequence }) => [tunnelId, sequence])).toEqual([
    ['t', 1_001],
    ['u', 1_001],
  ]);
  end();
});

test('no more of a frame is read than a frame of ours has, and what does not fit one goes with the next', async () => {
  const many = Array.from({ length: 10_001 }, (_, at) => claim(`t${at}`, 1));
  const { hear, next, told, end } = half(many);
  expect(await next()).toHaveLength(10_000);
  expect((await next()).map(({ tunnelId }) => tunnelId)).toEqual(['t10000']);
  hear(many);
  expect(told()).toBe(10_000);
  end();
});
