// Teller: the outgoing half of one mesh stream. A frame goes out when the own report has changed (once for all changes
// of one turn of the event loop) and each second, with the echo that gives the other side the round trip time.

import { create } from '@bufbuild/protobuf';
import type { Clock } from '#internal/clock/clock.ts';
import { type MeshFrame, MeshFrameSchema, type NodeReport } from '#internal/gen/pop44/v1/mesh_pb.ts';
import type { Report, Status } from '#internal/status/status.ts';

const heartbeatMs = 1_000;

interface Parts {
  readonly status: Status;
  readonly clock: Clock;
}

export interface Teller {
  frames(): AsyncGenerator<MeshFrame, void>;
  /** The other side's frame, to be echoed. */
  readonly echo: (frame: MeshFrame) => void;
  end(): void;
}

const reportOf = (message: NodeReport): Report => ({
  appliedRevision: message.appliedRevision,
  snapshotRevision: message.snapshotRevision,
  failingSteps: message.failingSteps,
  held: message.held,
  stale: message.stale,
  loopLagMs: message.loopLagMs,
});

const microseconds = (clock: Clock): bigint => BigInt(Math.round(clock.monotonicMs() * 1_000));

/** A frame of the other side reaches status; its time stamp is kept for the next frame out. */
export function heardFrame(parts: Parts, peer: string, frame: MeshFrame, echo: (frame: MeshFrame) => void): void {
  echo(frame);
  const rttMs =
    frame.echoUs === 0n ? undefined : Number(microseconds(parts.clock) - frame.echoUs - frame.echoHeldUs) / 1_000;
  if (frame.report !== undefined) parts.status.heard(peer, reportOf(frame.report), parts.clock.wall(), rttMs);
}

export function createTeller({ status, clock }: Parts, signal: AbortSignal): Teller {
  let ended = false;
  let wake: (() => void) | undefined;
  // A change while a frame is being written must not wait for the heartbeat.
  let changed = false;
  let last: { readonly us: bigint; readonly at: bigint } | undefined;
  const nudge = (): void => {
    changed = true;
    wake?.();
  };
  const forget = status.onOwn(nudge);
  signal.addEventListener('abort', nudge);

  const frame = (): MeshFrame => {
    const now = microseconds(clock);
    const made = create(MeshFrameSchema, {
      sentUs: now,
      echoUs: last?.us ?? 0n,
      echoHeldUs: last === undefined ? 0n : now - last.at,
      report: { ...status.own() },
    });
    // An echo is good for one measurement.
    last = undefined;
    return made;
  };

  async function* frames(): AsyncGenerator<MeshFrame, void> {
    try {
      while (!ended && !signal.aborted) {
        changed = false;
        yield frame();
        if (changed) continue;
        const next = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const timer = setTimeout(nudge, heartbeatMs);
        await next;
        clearTimeout(timer);
        wake = undefined;
      }
    } finally {
      forget();
      signal.removeEventListener('abort', nudge);
    }
  }

  return {
    frames,
    echo: (heard) => {
      last = { us: heard.sentUs, at: microseconds(clock) };
    },
    end: () => {
      ended = true;
      nudge();
    },
  };
}
