// Stepwise: the two changes that one transaction cannot carry. Each step is a request of its own in the audit trail and
// leaves records that hold together; the caller's request id is the last one's.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { clearings, clearPool, deletePool, openQuota, setQuota } from '#internal/command/command.ts';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { type Change, type Changed, ChangeSchema } from '#internal/gen/pop44/v1/common_pb.ts';
import {
  type DeletePoolRequest,
  type DeletePoolResponse,
  PoolService,
  type SetQuotaRequest,
  type SetQuotaResponse,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Call } from '#internal/rpc/rpc.ts';
import { changing, type ServiceContext } from './service.ts';

type Changing<Request, Response> = (request: Request, call: Pick<Call, 'principal' | 'signal'>) => Promise<Response>;
type Asking = { readonly change?: Change | undefined };

const { method } = PoolService;

/** The request with another change: its etag stays, since no step rewrites the record that it is of. */
function withChange<R extends Asking>(request: R, change: MessageInitShape<typeof ChangeSchema>): R {
  return { ...request, change: create(ChangeSchema, { etag: request.change?.etag ?? '', ...change }) };
}

const forgotten = refuse('conflict', { problem: 'its first answer was forgotten just now', cure: 'try again' });

/** Whatever would be refused is refused before anything has changed. */
const tried = <R extends Asking>(request: R): R =>
  withChange(request, { requestId: request.change?.requestId ?? '', dryRun: true });

/** Answered before under its request id: it needs no steps. */
async function isRepeat({ store }: ServiceContext, { change }: Asking): Promise<boolean> {
  const requestId = change?.requestId ?? '';
  if (requestId === '') return false;
  try {
    return (await store.readOperation(requestId)) !== undefined;
  } catch (thrown) {
    // No request id: the step that looks at it first says so.
    if (!(thrown instanceof Fault)) return false;
    throw new Fault('unavailable', 'what became of the request id cannot be read; try again in a second', thrown);
  }
}

/** The step's outcome is in the head, so that the next one is decided with it. */
async function step<R extends Asking, A extends { changed?: Changed | undefined }>(
  { head }: ServiceContext,
  carryOut: Changing<R, A>,
  request: R,
  call: Pick<Call, 'principal' | 'signal'>,
): Promise<void> {
  const { changed } = await carryOut(withChange(request, {}), call);
  await head.reached(changed?.revision ?? 0n, call.signal);
}

/** A pool with more slabs, reservations and quarantined prefixes than one transaction deletes is emptied first. */
export function deletingPool(context: ServiceContext): Changing<DeletePoolRequest, DeletePoolResponse> {
  const clear = changing(context, method.deletePool, clearPool);
  // Of a pool that was made since, and may be too large for one transaction too, nothing is even decided.
  const again = changing(context, method.deletePool, () => forgotten);
  const remove = changing(context, method.deletePool, deletePool);
  return async (request, call) => {
    const large = request.change?.dryRun !== true && clearings(context.head.snapshot(), request) > 0;
    if (large && (await isRepeat(context, request))) return again(request, call);
    if (large) {
      await remove(tried(request), call);
      while (clearings(context.head.snapshot(), request) > 0) await step(context, clear, request, call);
    }
    return remove(request, call);
  };
}

/** An owner's first quota is counted under a record that stands (internal/command/quotas.ts). */
export function settingQuota(context: ServiceContext): Changing<SetQuotaRequest, SetQuotaResponse> {
  const open = changing(context, method.setQuota, openQuota);
  const set = changing(context, method.setQuota, setQuota);
  return async (request, call) => {
    const { owner, change } = request;
    const first = owner !== '' && change?.dryRun !== true && !context.head.snapshot().quotas.has(owner);
    if (first && !(await isRepeat(context, request))) {
      await set(tried(request), call);
      await step(context, open, request, call);
    }
    return set(request, call);
  };
}
