// Part: one kind of traffic, which runs beside the others.

export interface Part {
  /** Until the signal, and until every call has returned. */
  run(signal: AbortSignal): Promise<void>;
  /** Learns what is unknown. The faults are over. */
  finish(withinMs: number): Promise<void>;
  close(): void;
}
