// Echo messages: how far an address is, asked of the half that may ask for echoes.

import type { Netns } from '#internal/dataplane/dataplane.ts';

/** From the network half: how long an echo of that address takes. */
export interface AskEcho {
  readonly type: 'ask-echo';
  /** Counts up; the answer names it. */
  readonly number: number;
  readonly netns: Netns;
  readonly address: string;
  /** An address of the node to ask from; absent: as the kernel chooses. */
  readonly from?: string;
}

export interface Echo {
  readonly type: 'echo';
  readonly number: number;
  /** There and back, the shortest of a few; absent: nothing came back. */
  readonly rttMs?: number;
  /** Why it was not asked; empty: it was. */
  readonly problem: string;
}
