// Called clients: WireGuard clients by the thousand that shake hands, and answer a server that calls them, each from an address
// and port of its own, by which a call is known to be for it.

import { createSocket, type Socket } from 'node:dgram';
import { realClock } from '#internal/clock/clock.ts';
import { answerTo } from './noise-responder.ts';
import { type Caller, type Initiation, initiate, messageType, type Transport } from './noise.ts';

export interface CalledClients {
  /** Those shake hands, so many at once. @throws Error when one gets no answer */
  connect(which: readonly number[]): Promise<void>;
  /** Unix time, milliseconds, at which each that was called had its new session confirmed; emptied by it. */
  back(): ReadonlyMap<number, number>;
  close(): void;
}

export interface CalledClientsOptions {
  readonly callers: readonly Caller[];
  readonly address: string;
  readonly port: number;
  /** Addresses of this machine that callers have by turns. */
  readonly sources: readonly string[];
}

/** Below what the node's gate lets in of one address at once (desired/nft-handshakes.ts: a burst of 30). */
const atOnce = 64;
const againMs = 1_000;
const mostTries = 20;

interface Client {
  readonly socket: Socket;
  readonly caller: Caller;
  tries: number;
  waiting?: { readonly initiation: Initiation; readonly done: (session: Transport) => void };
  /** Answered, and not confirmed yet. */
  called?: Transport;
}

export async function openCalledClients(options: CalledClientsOptions): Promise<CalledClients> {
  const { callers, address, port, sources } = options;
  let back = new Map<number, number>();

  const received = (at: number, client: Client, packet: Buffer): void => {
    if (packet[0] === messageType.initiation) {
      client.tries += 1;
      const answer = answerTo(client.caller, packet, client.tries);
      if (answer === undefined) return;
      client.called = answer.session;
      client.socket.send(answer.packet);
    } else if (packet[0] === messageType.response) {
      const session = client.waiting?.initiation.answered(packet);
      if (session !== undefined) client.waiting?.done(session);
    } else if (packet[0] === messageType.transport && client.called?.open(packet) !== undefined) {
      delete client.called;
      back.set(at, realClock.wall().getTime());
    }
  };
  const open = async (caller: Caller, at: number): Promise<Client> => {
    const socket = createSocket('udp4');
    const client: Client = { socket, caller, tries: 0 };
    socket.on('message', (packet) => received(at, client, packet));
    socket.on('error', () => {});
    await new Promise<void>((resolve) =>
      socket.bind({ address: sources[at % sources.length] ?? '' }, () =>
        socket.connect(port, address, () => resolve()),
      ),
    );
    return client;
  };
  const clients = await Promise.all(callers.map(open));

  async function connectOne(client: Client): Promise<void> {
    for (let left = mostTries; left > 0; left -= 1) {
      client.tries += 1;
      const initiation = initiate(client.caller, client.tries, realClock.wall().getTime());
      const answer = new Promise<Transport>((done) => {
        client.waiting = { initiation, done };
      });
      client.socket.send(initiation.packet);
      const session = await Promise.race([answer, realClock.sleep(againMs)]);
      delete client.waiting;
      if (session === undefined) continue;
      client.socket.send(session.seal(Buffer.alloc(0)));
      return;
    }
    throw new Error(`a client got no answer in ${mostTries} tries`);
  }

  return {
    async connect(which) {
      const left = [...which];
      const worker = async (): Promise<void> => {
        for (let at = left.shift(); at !== undefined; at = left.shift()) {
          const client = clients[at];
          if (client !== undefined) await connectOne(client);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, worker));
    },
    back: () => {
      const all = back;
      back = new Map();
      return all;
    },
    close: () => {
      for (const { socket } of clients) socket.close();
    },
  };
}
