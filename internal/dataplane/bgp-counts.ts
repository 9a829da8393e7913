// BGP counts: what one session of a node's BIRDs has brought.

export interface BgpCounts {
  /** BIRD's name of it, made of ids. */
  readonly session: string;
  readonly family: 4 | 6;
  /** Routes that stand now. */
  readonly imported: number;
  /** Updates since it came up: all; not valid at all; refused by the filter; nothing new, or beyond the limit; taken. */
  readonly received: number;
  readonly rejected: number;
  readonly filtered: number;
  readonly ignored: number;
  readonly accepted: number;
  /** Most routes that may stand; absent: any number. */
  readonly limit?: number;
  readonly limitHit: boolean;
}
