// Key keeper: wires the rotation of this node's interconnect key to the seam: the privileged half makes the keys, and
// knows which sessions are established; which a change of the fabric's routing waits for too.

import { Fault, messageOf } from '#internal/errors/errors.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { nodesInForce } from '#internal/model/model.ts';
import { endpointAt } from '#internal/netip/netip.ts';
import { type OwnStep, type RotationParts, rotateAgainAndAgain } from '#internal/rotation/rotation.ts';
import { connect, serverNameOf } from '#internal/rpc/rpc.ts';
import {
  createAsker,
  type FromDataplane,
  type FromNetwork,
  type InterconnectKey,
  type Sessions,
} from '#internal/seam/seam.ts';
import type { KeptIdentity } from '#internal/trust/trust.ts';
import { tellRoutingChange } from './routing-change.ts';

export interface KeyKeeper {
  told(message: FromDataplane): void;
  /** The privileged half is away. */
  lost(): void;
  /** Ends by its signal. */
  run(signal: AbortSignal): Promise<void>;
}

export interface KeeperParts extends Omit<RotationParts, 'makeKey' | 'sessions' | 'elsewhere'> {
  readonly identity: Pick<KeptIdentity, 'client'>;
}

const callMs = 5_000;

/** Asks one node after the other, COREs among them, until one has done it. @throws Fault `unavailable` with what they said */
async function askOthers({ nodeId, head, identity }: KeeperParts, step: OwnStep): Promise<bigint> {
  const said: string[] = [];
  for (const node of nodesInForce(head.snapshot()).filter(({ id }) => id !== nodeId)) {
    const target = endpointAt(node.meshAddress, node.apiPort);
    const connection = connect(FabricService, target, identity.client(), { serverName: serverNameOf(node.id) });
    try {
      const answer = await connection.call.rotateInterconnectKey({ node: nodeId, ...step }, { deadlineMs: callMs });
      return answer.changed?.revision ?? 0n;
    } catch (thrown) {
      said.push(`${node.id}: ${messageOf(thrown)}`);
    } finally {
      connection.close();
    }
  }
  throw new Fault('unavailable', said.join('; ') || 'no other node is known');
}

export function createKeyKeeper(parts: KeeperParts, send: (message: FromNetwork) => void): KeyKeeper {
  const keys = createAsker<InterconnectKey>();
  const asked = createAsker<Sessions>();
  const sessions = async (): Promise<readonly string[]> =>
    (await asked.ask((number) => send({ type: 'ask-sessions', number }))).established;
  return {
    told: (message) => {
      if (message.type === 'interconnect-key') keys.told(message);
      if (message.type === 'sessions') asked.told(message);
    },
    lost: () => {
      keys.lost();
      asked.lost();
    },
    run: async (signal) => {
      const { nodeId, clock, status, head } = parts;
      await Promise.all([
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
            elsewhere: (step) => askOthers(parts, step),
            sessions,
          },
          signal,
        ),
        tellRoutingChange({ nodeId, clock, status, sessions, snapshot: () => head.snapshot() }, signal),
      ]);
    },
  };
}
