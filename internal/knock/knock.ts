// Knock: one TCP connection, opened and closed, to see who answers.
//
// On the path: somebody asks whether a port of his own tunnel is reached.
// Never: sends a byte, or asks whether it may: whose address it is, the caller knows.

import { connect } from 'node:net';
import type { Clock } from '#internal/clock/clock.ts';

export interface Knocked {
  /** `refused`: whoever has the address answered that nobody listens. */
  readonly how: 'open' | 'refused' | 'silent' | 'no way';
  /** There and back, milliseconds; of those that answered. */
  readonly rttMs?: number;
}

/** RFC 6298 2: a SYN that is lost is sent again after 1 s. */
const patienceMs = 1_500;

/** Comes back within 1.5 s. */
export function knock(address: string, port: number, clock: Pick<Clock, 'monotonicMs'>): Promise<Knocked> {
  return new Promise((resolve) => {
    const began = clock.monotonicMs();
    const socket = connect({ host: address, port });
    const end = (how: Knocked['how']): void => {
      socket.destroy();
      const answered = how === 'open' || how === 'refused';
      resolve({ how, ...(answered && { rttMs: clock.monotonicMs() - began }) });
    };
    const timer = setTimeout(() => end('silent'), patienceMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      end('open');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      end(error.code === 'ECONNREFUSED' ? 'refused' : error.code === 'ETIMEDOUT' ? 'silent' : 'no way');
    });
  });
}
