// Step: one line of a plan.

import type { Kind, Kinds } from '#internal/dataplane/dataplane.ts';

export type StepOf<K extends Kind> =
  | { readonly op: 'add'; readonly kind: K; readonly key: string; readonly want: Kinds[K] }
  | {
      readonly op: 'change';
      readonly kind: K;
      readonly key: string;
      readonly want: Kinds[K];
      readonly found: Kinds[K];
    }
  | { readonly op: 'remove'; readonly kind: K; readonly key: string; readonly found: Kinds[K] };

export type Step = { [K in Kind]: StepOf<K> }[Kind];
