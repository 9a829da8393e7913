// People network: two daemons on one store in memory, a mailbox, and the ways from signing up to a login, for tests.

import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Calls } from '#internal/rpc/rpc.ts';
import { goodPassword, type Mailbox, mailbox, newSecret } from './accounts.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from './api-network.ts';
import { type MemoryStore, memoryStore, type StoreSide } from './memory-store.ts';
import { createSmallFabric } from './requests.ts';

export interface PeopleNetwork extends AsyncDisposable {
  readonly store: MemoryStore;
  /** Of each daemon. */
  readonly sides: readonly StoreSide[];
  readonly network: ApiNetwork;
  readonly a: ApiDaemon;
  readonly b: ApiDaemon;
  /** Of both: the first sends. */
  readonly box: Mailbox;
  /** As the admin ada; by default of the first. */
  people(daemon?: ApiDaemon): Calls<(typeof PeopleService)['method']>;
  /** Its link was followed; an admin has to let it in. */
  signedUp(callsign: string, email: string): Promise<void>;
  /** The secret of a new login. */
  loggedIn(name: string, daemon?: ApiDaemon, password?: string): Promise<string>;
  /** The same, of a new account that an admin has let in. */
  member(callsign: string, email: string): Promise<string>;
}

export async function peopleNetwork(): Promise<PeopleNetwork> {
  const store = memoryStore();
  const sides: StoreSide[] = [];
  const network = await apiNetwork(
    (onAdvance) => {
      const side = store.follower(onAdvance);
      sides.push(side);
      return side;
    },
    ['p1', 'p2'],
  );
  const [a, b] = network.daemons as [ApiDaemon, ApiDaemon];
  await createSmallFabric(network.as(FabricService, a), network.as(PoolService, a), 2);
  const box = await mailbox(sides[0] as StoreSide);
  const people: PeopleNetwork['people'] = (daemon = a) => network.as(PeopleService, daemon);
  const signedUp: PeopleNetwork['signedUp'] = async (callsign, email) => {
    await people().signUp({ callsign, email, password: goodPassword });
    await people().verify({ secret: await box.secretTo(email, 'confirm your address') });
  };
  const loggedIn: PeopleNetwork['loggedIn'] = async (name, daemon = a, password = goodPassword) => {
    const { bearer, secretHash } = newSecret();
    await people(daemon).login({ name, password, secretHash, label: 'test' });
    return bearer;
  };
  return {
    ...{ store, sides, network, a, b, box, people, signedUp, loggedIn },
    async member(callsign, email) {
      await signedUp(callsign, email);
      await people().approveUser({ user: callsign });
      return loggedIn(callsign);
    },
    async [Symbol.asyncDispose]() {
      await box[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
    },
  };
}

/** What a call was refused with, or the fault that it met; undefined: it was granted. */
export const refusalOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: { refusal?: unknown }) => thrown.refusal ?? thrown,
  );
