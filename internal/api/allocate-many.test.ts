import { create } from '@bufbuild/protobuf';
import { Metadata } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import {
  type AllocateManyRequest,
  AllocateManyRequestSchema,
  AllocateResponseSchema,
} from '#internal/gen/pop44/v1/allocations_pb.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { allocateMany } from './allocate-many.ts';

const call = () => ({
  principal: { kind: 'admin', id: 'ada' } as const,
  signal: new AbortController().signal,
  metadata: new Metadata(),
});
const message = (calls: number): AllocateManyRequest =>
  create(AllocateManyRequestSchema, { calls: Array.from({ length: calls }, (_, at) => ({ tag: BigInt(at) })) });

/** Of 5,000 requests in messages of that size. */
async function* sent(size: number): AsyncGenerator<AllocateManyRequest> {
  for (let left = 5_000; left > 0; left -= size) yield message(size);
}

test.each([5_000, 100])('requests that come %i in a message are carried out a thousand at a time', async (size) => {
  let atOnce = 0;
  let most = 0;
  const handle = allocateMany(
    async () => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce -= 1;
      return create(AllocateResponseSchema);
    },
    () => {},
  );
  let answered = 0;
  for await (const { outcomes } of handle(sent(size), call())) answered += outcomes.length;
  expect(answered).toBe(5_000);
  expect(most).toBeLessThanOrEqual(1_024);
});

test('whoever does not read the answers is not served on', async () => {
  let served = 0;
  const handle = allocateMany(
    async () => {
      served += 1;
      return create(AllocateResponseSchema);
    },
    () => {},
  );
  const answers = handle(sent(100), call());
  await answers.next();
  await eventually(() => served > 1_000, 1_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(served).toBeLessThan(2_500);
  await answers.return();
});
