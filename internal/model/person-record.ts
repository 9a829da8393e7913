// Person record: the kinds of the second snapshot, which is about people, and one change of one of them.

import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import {
  type ApiToken,
  ApiTokenSchema,
  type Bootstrap,
  BootstrapSchema,
  type Link,
  LinkSchema,
  type Login,
  LoginSchema,
  type Mail,
  MailSchema,
  type PersonClaim,
  PersonClaimSchema,
  type Sending,
  SendingSchema,
  type User,
  UserSchema,
} from '#internal/gen/pop44/store/v1/people_pb.ts';

export interface PersonRecords {
  user: User;
  callsign: PersonClaim;
  email: PersonClaim;
  link: Link;
  login: Login;
  token: ApiToken;
  mail: Mail;
  sending: Sending;
  bootstrap: Bootstrap;
}
export type PersonKind = keyof PersonRecords;

export const personSchemas: { readonly [K in PersonKind]: GenMessage<PersonRecords[K]> } = {
  user: UserSchema,
  callsign: PersonClaimSchema,
  email: PersonClaimSchema,
  link: LinkSchema,
  login: LoginSchema,
  token: ApiTokenSchema,
  mail: MailSchema,
  sending: SendingSchema,
  bootstrap: BootstrapSchema,
};

interface Kept<T> {
  readonly record: T;
  /** mod_revision of its key. */
  readonly revision: bigint;
}

/** What happened to one key. Absent `stored`: deleted. */
export type PersonEvent = {
  readonly [K in PersonKind]: { readonly kind: K; readonly id: string; readonly stored?: Kept<PersonRecords[K]> };
}[PersonKind];

/** As Batch. */
export interface PersonBatch {
  readonly revision: bigint;
  readonly relisted: boolean;
  readonly events: readonly PersonEvent[];
}

/** As Compare: the key's mod_revision is this; 0n: it does not exist. */
export interface PersonCompare {
  readonly kind: PersonKind;
  readonly id: string;
  readonly revision: bigint;
}

/** What a record outlives at most; the store forgets it by itself then. */
export type Lifetime = 'link' | 'login' | 'sending';

export type PersonWrite =
  | {
      readonly [K in PersonKind]: {
        readonly op: 'put';
        readonly kind: K;
        readonly id: string;
        readonly record: PersonRecords[K];
        /** Absent: it stays. */
        readonly lifetime?: Lifetime;
      };
    }[PersonKind]
  | { readonly op: 'delete'; readonly kind: PersonKind; readonly id: string };

/** What a decision reads and writes of people. */
export interface PersonDecision {
  readonly compares: readonly PersonCompare[];
  readonly writes: readonly PersonWrite[];
}
