// Kind: the things of a noun, as they come in one list.

import type { Message } from '@bufbuild/protobuf';
import { refuse } from '#internal/errors/errors.ts';
import type { Freshness } from '#internal/gen/pop44/v1/common_pb.ts';
import { Declined } from './io.ts';
import type { Column } from './layout.ts';
import type { Session } from './session.ts';

export interface Listed<T> {
  readonly items: readonly T[];
  readonly freshness?: Freshness | undefined;
}

/** The things of a noun, and how they are shown. */
export interface Kind<T extends Message> {
  /** `pop`. */
  readonly noun: string;
  /** `PoPs`. */
  readonly many: string;
  /** Of the argument that names one: `id`. */
  readonly named: string;
  ask(session: Session): Promise<Listed<T>>;
  /** What one may be called; the first is the key. */
  names(item: T): readonly string[];
  readonly columns: readonly Column<T>[];
  /** Further columns of a wide list, of get and of describe. */
  readonly wide?: readonly Column<T>[];
  /** Titles of columns that move by themselves: a watch does not tell of them. */
  readonly restless?: readonly string[];
  /** What hangs on one, below it. */
  related?(session: Session, item: T): Promise<void>;
}

/** Throws Declined `not-found`, which names some that there are. */
export function chosen<T extends Message>(kind: Kind<T>, items: readonly T[], name: string): T {
  const found = items.find((item) => kind.names(item).includes(name));
  if (found !== undefined) return found;
  const there = items.slice(0, 8).map((item) => kind.names(item)[0]);
  const cure =
    there.length === 0
      ? `there are no ${kind.many}`
      : `one of ${there.join(', ')}${items.length > there.length ? ', ...' : ''}`;
  throw new Declined(refuse('not-found', { field: kind.noun, value: name, problem: 'is not known', cure }));
}
