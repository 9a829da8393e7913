// Pool requests: what a pool's commands are asked on a snapshot, for tests that change one field.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  allocate,
  type CommandContext,
  checkPools,
  createPool,
  createReservation,
  createTunnel,
  delegatePool,
  deletePool,
  deleteReservation,
  drainPool,
  release,
  resizePool,
  type Scan,
  updatePool,
} from '#internal/command/command.ts';
import { AllocateRequestSchema, ReleaseRequestSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import {
  CreatePoolRequestSchema,
  CreateReservationRequestSchema,
  DelegatePoolRequestSchema,
  DeletePoolRequestSchema,
  DeleteReservationRequestSchema,
  DrainPoolRequestSchema,
  ResizePoolRequestSchema,
  UpdatePoolRequestSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { CreateTunnelRequestSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { emptySnapshot, fold, type RecordChange, type Snapshot } from '#internal/model/model.ts';
import { commandContext } from './command-context.ts';
import { decisionOf } from './fabric-requests.ts';
import { createLedger } from './ledger.ts';
import { fabricEvents, testKey } from './three-pops.ts';

type Asked<S extends Parameters<typeof create>[0]> = MessageInitShape<S>;

/** The three PoPs without pools. */
const bare: Snapshot = fold(emptySnapshot(), {
  revision: 2n,
  relisted: true,
  events: fabricEvents().filter(({ kind }) => kind !== 'pool' && kind !== 'slab'),
}).snapshot;

/** Every command as a function of what it is asked; decided on the snapshot that the book shows when it is called. */
export function poolBook(first: Snapshot = bare) {
  const ledger = createLedger(first);
  let ids = 1;
  const context = (rest: Partial<CommandContext> = {}) => commandContext(ledger.snapshot, rest, (ids += 10));
  const now = () => ledger.snapshot;
  return {
    get snapshot(): Snapshot {
      return ledger.snapshot;
    },
    /** Throws where it was refused; undefined: a compare did not hold. */
    commit: (outcome: unknown): readonly RecordChange[] | undefined => ledger.commit(decisionOf(outcome)),
    create: (asked: Asked<typeof CreatePoolRequestSchema>) =>
      createPool(now(), create(CreatePoolRequestSchema, asked), context()),
    update: (asked: Asked<typeof UpdatePoolRequestSchema>) =>
      updatePool(now(), create(UpdatePoolRequestSchema, asked), context()),
    resize: (asked: Asked<typeof ResizePoolRequestSchema>) =>
      resizePool(now(), create(ResizePoolRequestSchema, asked), context()),
    remove: (asked: Asked<typeof DeletePoolRequestSchema>) =>
      deletePool(now(), create(DeletePoolRequestSchema, asked), context()),
    delegate: (asked: Asked<typeof DelegatePoolRequestSchema>) =>
      delegatePool(now(), create(DelegatePoolRequestSchema, asked), context()),
    reserve: (asked: Asked<typeof CreateReservationRequestSchema>) =>
      createReservation(now(), create(CreateReservationRequestSchema, asked), context()),
    unreserve: (asked: Asked<typeof DeleteReservationRequestSchema>) =>
      deleteReservation(now(), create(DeleteReservationRequestSchema, asked), context()),
    drain: (asked: Asked<typeof DrainPoolRequestSchema>, rest: Partial<CommandContext> = {}) =>
      drainPool(now(), create(DrainPoolRequestSchema, asked), context(rest)),
    allocate: (owner: string, ...wishes: NonNullable<Asked<typeof AllocateRequestSchema>['wishes']>) =>
      allocate(now(), create(AllocateRequestSchema, { owner, wishes }), context()),
    release: (owner: string, ...prefixes: readonly string[]) =>
      release(now(), create(ReleaseRequestSchema, { owner, prefixes: [...prefixes] }), context()),
    tunnel: (asked: Asked<typeof CreateTunnelRequestSchema>) =>
      createTunnel(now(), create(CreateTunnelRequestSchema, { publicKey: testKey(900 + ids), ...asked }), context()),
  };
}

/** The pool check, without stopping in between. */
export function scanOf(...asked: Parameters<typeof checkPools>): Scan {
  const scanning = checkPools(...asked);
  for (let step = scanning.next(); ; step = scanning.next()) if (step.done === true) return step.value;
}
