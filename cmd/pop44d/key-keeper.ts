// Key keeper: wires the rotation of this node's interconnect key to the seam: the privileged half makes the keys, and
// knows which sessions are established.

import { Fault } from '#internal/errors/errors.ts';
import { type RotationParts, rotateAgainAndAgain } from '#internal/rotation/rotation.ts';
import {
  createAsker,
  type FromDataplane,
  type FromNetwork,
  type InterconnectKey,
  type Sessions,
} from '#internal/seam/seam.ts';

export interface KeyKeeper {
  told(message: FromDataplane): void;
  /** The privileged half is away. */
  lost(): void;
  /** Ends by its signal. */
  run(signal: AbortSignal): Promise<void>;
}

export function createKeyKeeper(
  parts: Omit<RotationParts, 'makeKey' | 'sessions'>,
  send: (message: FromNetwork) => void,
): KeyKeeper {
  const keys = createAsker<InterconnectKey>();
  const sessions = createAsker<Sessions>();
  return {
    told: (message) => {
      if (message.type === 'interconnect-key') keys.told(message);
      if (message.type === 'sessions') sessions.told(message);
    },
    lost: () => {
      keys.lost();
      sessions.lost();
    },
    run: (signal) =>
      rotateAgainAndAgain(
        {
          ...parts,
          makeKey: async (keep) => {
            const { publicKey, problem } = await keys.ask((number) =>
              send({ type: 'ask-interconnect-key', number, keep }),
            );
            if (publicKey === '') throw new Fault('interconnect-key', problem);
            return publicKey;
          },
          sessions: async () => (await sessions.ask((number) => send({ type: 'ask-sessions', number }))).established,
        },
        signal,
      ),
  };
}
