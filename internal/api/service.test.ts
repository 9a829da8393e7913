import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { nothingUnseen } from '#internal/allocator/allocator.ts';
import { realClock } from '#internal/clock/clock.ts';
import { allocate } from '#internal/command/command.ts';
import { isRefusal } from '#internal/errors/errors.ts';
import { AllocateRequestSchema, AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import type { Decision } from '#internal/model/record.ts';
import { createHead, type Submission } from '#internal/submit/submit.ts';
import { poolBook } from '#internal/testkit/pool-requests.ts';
import { changing, type ServiceContext } from './service.ts';

const id = '4-2c3c0000-22';
const { allocate: method } = AllocationService.method;
type Asked = Submission<typeof method.input, typeof method.output>;

/** What an allocation is decided to write where these keys cannot be read. */
async function decided(quarantined: readonly string[]): Promise<readonly string[]> {
  const book = poolBook();
  book.commit(book.create({ prefix: '44.60.0.0/22' }));
  const head = createHead(book.snapshot);
  let decision: Decision | undefined;
  const context: Partial<Record<keyof ServiceContext, unknown>> = {
    head,
    clock: realClock,
    config: { nodeId: 'p1' },
    store: { quarantined: () => quarantined },
    newId: () => 'made',
    random: () => 0,
    commands: new Map(),
    keeper: { admit: () => undefined },
    submit: async ({ decide }: Asked) => {
      const outcome = decide(head.snapshot(), nothingUnseen, true);
      if (isRefusal(outcome)) return outcome;
      decision = outcome.decision;
      return { response: create(method.output), changed: { revision: 1n } };
    },
  };
  const request = create(AllocateRequestSchema, { wishes: [{ pool: '44.60.0.0/22', length: 32 }] });
  const { signal } = new AbortController();
  const principal = { kind: 'admin', id: 'ada' } as const;
  await changing(context as unknown as ServiceContext, method, allocate)(request, { principal, signal });
  return decision?.writes.map((write) => `${write.kind}/${write.id}`) ?? [];
}

test.each([
  ['nothing', [], [`slab/${id}/2c3c0000`, `allocation/${id}/2c3c0001`]],
  ['an address', [`allocation/${id}/2c3c0001`], [`slab/${id}/2c3c0000`, `allocation/${id}/2c3c0002`]],
  ['a slab', [`slab/${id}/2c3c0000`], [`slab/${id}/2c3c0100`, `allocation/${id}/2c3c0101`]],
])('where %s cannot be read, what lies there is not chosen', async (_, hidden, writes) => {
  expect(new Set(await decided(hidden.map((key) => `/pop44/v1/${key}`)))).toEqual(new Set(writes));
});
