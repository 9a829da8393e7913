// Check pools: the records are looked through twice, and what is found both times is mended if told to.

import { create } from '@bufbuild/protobuf';
import { checkPools, type Finding, findPool, type Scan } from '#internal/command/command.ts';
import { isRefusal, refuse } from '#internal/errors/errors.ts';
import {
  type CheckPoolsRequest,
  CheckPoolsRequestSchema,
  type CheckPoolsResponse,
  CheckPoolsResponseSchema,
  FindingSchema,
  PoolService,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { Refused, type Call } from '#internal/rpc/rpc.ts';
import { found, freshness, type ServiceContext } from './service.ts';

/** Seconds between the scans: some of the 2 s that a request of another daemon may be under way. */
const usualGrace = 5;
const longestGrace = 60;

const { checkPools: method } = PoolService.method;

/** Refuses `not-found` (pool), `invalid` (grace). */
export function checkingPools(context: ServiceContext) {
  return async (request: CheckPoolsRequest, call: Pick<Call, 'principal' | 'signal'>): Promise<CheckPoolsResponse> => {
    const { graceSeconds, mend, pool } = request;
    const grace = graceSeconds === 0 ? usualGrace : graceSeconds;
    if (grace > longestGrace) {
      const about = { field: 'grace_seconds', value: String(grace), problem: 'is too long' };
      throw new Refused(refuse('invalid', { ...about, cure: `1 to ${longestGrace}, or 0 for ${usualGrace}` }));
    }
    const { signal } = call;
    const poolId = pool === '' ? undefined : (await found(context, signal, (all) => findPool(all, pool))).record.id;
    const scan = async (): Promise<Scan> => {
      const scanning = checkPools(await context.latest(signal), poolId, context.clock.wall());
      for (let step = scanning.next(); ; step = scanning.next()) {
        if (step.done === true) return step.value;
        await context.clock.sleep(0, signal);
      }
    };
    const first = new Set((await scan()).findings.map(named));
    await context.clock.sleep(grace * 1_000, signal);
    const { findings, records } = await scan();
    const lasting = findings.filter((finding) => first.has(named(finding)));
    const answered = [];
    for (const finding of lasting) {
      const mended = mend && (await mendOf(context, finding, request, call));
      const { kind, record, problem, cure } = finding;
      answered.push(create(FindingSchema, { kind, record, problem, cure, mended }));
    }
    return create(CheckPoolsResponseSchema, {
      findings: answered,
      records: BigInt(records),
      freshness: freshness(context),
    });
  };
}

/** The same at the same revision: it was so all the time in between. */
const named = ({ kind, record, revision, problem }: Finding): string => `${kind} ${record} ${revision} ${problem}`;

/** Whether it was mended. A record that it was decided from and that has changed meanwhile leaves it as it is. */
async function mendOf(
  context: ServiceContext,
  { mend }: Finding,
  request: CheckPoolsRequest,
  { principal, signal }: Pick<Call, 'principal' | 'signal'>,
): Promise<boolean> {
  if (mend === undefined) return false;
  let tried = false;
  const outcome = await context.submit<typeof CheckPoolsRequestSchema, typeof CheckPoolsResponseSchema>({
    method: `/${PoolService.typeName}/${method.name}`,
    input: CheckPoolsRequestSchema,
    output: CheckPoolsResponseSchema,
    request,
    principal,
    signal,
    decide: () => {
      if (tried) return refuse('conflict', { problem: 'what was found has changed', cure: 'check again' });
      tried = true;
      return { decision: mend, response: create(CheckPoolsResponseSchema) };
    },
  });
  return !isRefusal(outcome);
}
