// Called clients: WireGuard clients by the thousand that shake hands, and answer a server that calls them, each from an address
// and port of its own, by which a call is known to be for it.

import { createSocket, type Socket } from 'node:dgram';
import { realClock } from '#internal/clock/clock.ts';
import { echoReply, echoRequest } from './icmp-echo.ts';
import { answerTo } from './noise-responder.ts';
import { type Caller, type Initiation, initiate, messageType, type Transport } from './noise.ts';

export interface Echoes {
  readonly sent: number;
  readonly unanswered: number;
  /** So many clients had one that was not answered. */
  readonly tunnels: number;
  /** Of each that was not: when it was sent, in Unix time, and how long after its client's newest session was confirmed; milliseconds. */
  readonly lost: readonly (readonly [sentMs: number, afterMs: number | undefined])[];
  /** Of each client: the longest from one answer to the next, milliseconds. */
  readonly silentMs: readonly number[];
}

export interface EchoPace {
  /** Of each client. */
  readonly everyMs: number;
  /** Of the IP packet; default 28. */
  readonly bytes?: number;
  /** Each is the beginning of a flow, which no node knows yet; default: all of a client's are of one. */
  readonly flows?: boolean;
}

export interface CalledClients {
  /** Those shake hands, so many at once. @throws Error when one gets no answer */
  connect(which: readonly number[]): Promise<void>;
  /** Unix time, milliseconds, at which each that was called had its new session confirmed, and was called before; emptied by it. */
  back(): ReadonlyMap<number, readonly [confirmedMs: number, callsMs: readonly number[]]>;
  /** Each sends an echo so often, all evenly. Gives what ends it, and tells what came of them. */
  echo(to: string, pace: EchoPace): () => Promise<Echoes>;
  close(): void;
}

/** And its own address in its tunnel. */
export interface CalledClient extends Caller {
  readonly address: string;
}

export interface CalledClientsOptions {
  readonly callers: readonly CalledClient[];
  readonly address: string;
  readonly port: number;
  /** Addresses of this machine that callers have by turns. */
  readonly sources: readonly string[];
}

/** Below what the node's gate lets in of one address at once (desired/nft-handshakes.ts: a burst of 30). */
const atOnce = 64;
const againMs = 1_000;
const mostTries = 20;

/** Of the last replies. */
const lateMs = 1_500;
const tickMs = 10;
const leastAtOnce = 20;

interface Client {
  readonly socket: Socket;
  readonly caller: CalledClient;
  tries: number;
  waiting?: { readonly initiation: Initiation; readonly done: (session: Transport) => void };
  /** Answered, and not confirmed yet. */
  called?: Transport;
  /** Unix time, milliseconds: since the newest session. */
  callsMs: number[];
  /** Unix time, milliseconds, of the last that was called. */
  confirmedMs?: number;
  /** As WireGuard has them: sends in the first, and takes what comes in either (paper, 5.4.6 and 6.1). */
  sessions: readonly Transport[];
}

const withNewest = ({ sessions }: Client, session: Transport): readonly Transport[] => [
  session,
  ...sessions.slice(0, 1),
];

export async function openCalledClients(options: CalledClientsOptions): Promise<CalledClients> {
  const { callers, address, port, sources } = options;
  let back = new Map<number, readonly [number, readonly number[]]>();
  /** When they were sent, by the order in which they were. */
  let unanswered = new Map<number, number>();
  let flows = false;

  let lastMs: number[] = [];
  let silentMs: number[] = [];
  const heard = (at: number): void => {
    const nowMs = realClock.monotonicMs();
    silentMs[at] = Math.max(silentMs[at] ?? 0, nowMs - (lastMs[at] ?? nowMs));
    lastMs[at] = nowMs;
  };

  const received = (at: number, client: Client, packet: Buffer): void => {
    if (packet[0] === messageType.initiation) {
      client.tries += 1;
      const answer = answerTo(client.caller, packet, client.tries);
      if (answer === undefined) return;
      client.called = answer.session;
      client.callsMs.push(realClock.wall().getTime());
      client.socket.send(answer.packet);
    } else if (packet[0] === messageType.response) {
      const session = client.waiting?.initiation.answered(packet);
      if (session !== undefined) client.waiting?.done(session);
    } else if (packet[0] === messageType.transport) {
      let inner = client.called?.open(packet);
      if (client.called !== undefined && inner !== undefined) {
        client.sessions = withNewest(client, client.called);
        delete client.called;
        client.confirmedMs = realClock.wall().getTime();
        back.set(at, [client.confirmedMs, client.callsMs]);
        client.callsMs = [];
      }
      for (const session of client.sessions) inner ??= session.open(packet);
      const reply = inner && echoReply(inner);
      if (reply === undefined) return;
      const [which, turn] = flows ? [reply.sequence, reply.id] : [reply.id, reply.sequence];
      if (which !== at) return;
      unanswered.delete(turn * callers.length + at);
      heard(at);
    }
  };
  const open = async (caller: CalledClient, at: number): Promise<Client> => {
    const socket = createSocket('udp4');
    const client: Client = { socket, caller, tries: 0, callsMs: [], sessions: [] };
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
      client.sessions = withNewest(client, session);
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
    echo(to, { everyMs, bytes, flows: many = false }) {
      flows = many;
      unanswered = new Map();
      lastMs = [];
      silentMs = clients.map(() => 0);
      const mostAtOnce = Math.max(leastAtOnce, (2 * tickMs * clients.length) / everyMs);
      let [at, sent] = [0, 0];
      const began = realClock.monotonicMs();
      const send = (): void => {
        const due = Math.floor(((realClock.monotonicMs() - began) * clients.length) / everyMs);
        // What this process could not send in time is left out: at once it would overflow others' buffers.
        at = Math.max(at, due - Math.ceil(mostAtOnce));
        for (; at < due; at += 1) {
          const which = at % clients.length;
          const client = clients[which];
          const [session] = client?.sessions ?? [];
          if (client === undefined || session === undefined) continue;
          unanswered.set(at, realClock.wall().getTime());
          sent += 1;
          const turn = Math.floor(at / clients.length);
          const echo = flows ? { id: turn, sequence: which } : { id: which, sequence: turn };
          client.socket.send(session.seal(echoRequest(client.caller.address, to, echo, bytes)));
        }
      };
      const timer = setInterval(send, tickMs);
      return async () => {
        clearInterval(timer);
        const stoppedMs = realClock.monotonicMs();
        await realClock.sleep(lateMs);
        // Who has not come back has been silent until now.
        silentMs = silentMs.map((ms, which) => Math.max(ms, stoppedMs - (lastMs[which] ?? began)));
        const tunnels = new Set([...unanswered.keys()].map((which) => which % clients.length)).size;
        const lost = [...unanswered].map(([which, sentMs]) => {
          const confirmedMs = clients[which % clients.length]?.confirmedMs;
          return [sentMs, confirmedMs === undefined ? undefined : sentMs - confirmedMs] as const;
        });
        return { sent, unanswered: unanswered.size, tunnels, lost, silentMs };
      };
    },
    close: () => {
      for (const { socket } of clients) socket.close();
    },
  };
}
