// Apply resource: what a kind of document is to apply.

import type { Message } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import type { Client } from '#internal/client/client.ts';
import type { Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Session } from './session.ts';

export interface Answer {
  readonly changed?: Changed | undefined;
}
export interface AppliedChange {
  readonly dryRun?: boolean;
}
type Call<T> = (client: Client, item: T, given: ReadonlySet<string>, change: AppliedChange) => Promise<Answer>;

/** Fields of forOld, and what is there. */
interface Differing<T> {
  readonly given: ReadonlySet<string>;
  readonly found: T;
}

export interface Resource<T extends Message> {
  readonly schema: GenMessage<T>;
  /** Fields that name one; the first is wanted in every document. */
  readonly key: readonly string[];
  readonly nameOf: (item: T) => string;
  readonly there: (session: Session) => Promise<readonly T[]>;
  readonly isSame: (wanted: T, found: T) => boolean;
  /** Fields that a new one may have, and those that one that is there may get. */
  readonly forNew: readonly string[];
  readonly forOld: readonly string[];
  /** Of those of forNew, what a document may call otherwise than a list does: not looked at in one that is there. */
  readonly loose?: readonly string[];
  readonly create: Call<T>;
  readonly update?: (client: Client, item: T, differing: Differing<T>, change: AppliedChange) => Promise<Answer>;
}

/** A message's fields by their names, those that a document gives. */
export const picked = (item: object, given: ReadonlySet<string>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).filter(([name]) => given.has(name)));
