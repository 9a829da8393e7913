// WireGuard clients: any number of live sessions with one server, over one UDP socket of one process, or one for each of
// several source addresses, as subscribers have: a node takes few handshakes from a single one (desired/nft-handshakes.ts).

import { createSocket, type Socket } from 'node:dgram';
import { realClock } from '#internal/clock/clock.ts';
import { type Caller, type Initiation, initiate, messageType, type Transport } from './noise.ts';

export interface WireguardClients {
  /**
   * Shakes hands for every caller, and again for those that got no answer. @throws Error when some never get one
   * @param which places of those that do; default all
   */
  connect(callers: readonly Caller[], which?: Iterable<number>): Promise<void>;
  /** A keepalive in every session: the server takes a session for confirmed by its first packet. */
  keepalive(): Promise<void>;
  /** The session of the n-th caller; undefined: it has none. */
  session(at: number): Transport | undefined;
  /** Sends a sealed packet from where the n-th caller is. */
  send(at: number, packet: Buffer): void;
  readonly sessions: () => number;
  close(): void;
}

export interface WireguardClientsOptions {
  /** Of the server. */
  readonly address: string;
  readonly port: number;
  /** Addresses of this machine that callers have by turns. Absent: the one that the kernel takes. */
  readonly sources?: readonly string[];
  /** Called with every transport packet for the n-th caller, as it came: sealed, and not yet known to be the server's. */
  readonly onTransport?: (at: number, packet: Buffer) => void;
}

/** Handshakes under way at once: a server does about 1,000 a second on these machines (measured). */
const atOnce = 64;
/** Milliseconds. The protocol's own is REKEY_TIMEOUT, 5 s; a fresh ephemeral key may come earlier. */
const againMs = 1_000;
const mostTries = 20;

export async function openWireguardClients(options: WireguardClientsOptions): Promise<WireguardClients> {
  const { address, port, sources } = options;
  const pending = new Map<number, { readonly initiation: Initiation; readonly done: (session: Transport) => void }>();
  const sessions: Transport[] = [];
  const received = (packet: Buffer): void => {
    if (packet[0] === messageType.response && packet.length >= 12) {
      const waiting = pending.get(packet.readUInt32LE(8));
      const session = waiting?.initiation.answered(packet);
      if (session !== undefined) waiting?.done(session);
    } else if (packet[0] === messageType.transport && packet.length >= 32) {
      // The index names the caller, so that nothing is searched.
      options.onTransport?.(packet.readUInt32LE(4) & 0xffffff, packet);
    }
  };
  const openSocket = async (source: string | undefined): Promise<Socket> => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', received);
    socket.on('error', () => {});
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ ...(source !== undefined && { address: source }) }, () =>
        socket.connect(port, address, () => resolve()),
      );
    });
    return socket;
  };
  const sockets = await Promise.all((sources ?? [undefined]).map(openSocket));
  const sendOf = (at: number, packet: Buffer): void => sockets[at % sockets.length]?.send(packet);

  let generation = 0;
  async function connectOne(caller: Caller, at: number): Promise<void> {
    for (let attempt = 0; attempt < mostTries; attempt += 1) {
      // 24 bits of the caller's place and 8 of the try: an answer to an earlier try finds nobody.
      generation = (generation + 1) & 0xff;
      const index = ((generation << 24) | at) >>> 0;
      const initiation = initiate(caller, index, realClock.wall().getTime());
      const answer = new Promise<Transport>((done) => pending.set(index, { initiation, done }));
      sendOf(at, initiation.packet);
      const session = await Promise.race([answer, realClock.sleep(againMs)]);
      pending.delete(index);
      if (session === undefined) continue;
      sessions[at] = session;
      sendOf(at, session.seal(Buffer.alloc(0)));
      return;
    }
    throw new Error(`caller ${at} got no answer in ${mostTries} tries`);
  }

  return {
    async connect(callers, which = callers.keys()) {
      const left = which[Symbol.iterator]();
      const worker = async (): Promise<void> => {
        for (let next = left.next(); next.done !== true; next = left.next()) {
          const at = next.value;
          const caller = callers[at];
          if (caller !== undefined) await connectOne(caller, at);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, worker));
    },
    async keepalive() {
      for (const [at, session] of sessions.entries()) {
        sendOf(at, session.seal(Buffer.alloc(0)));
        // Thousands of packets in one turn overflow a socket's buffer (212,992 bytes, net.core.wmem_default).
        if (at % atOnce === atOnce - 1) await realClock.sleep(1);
      }
    },
    session: (at) => sessions[at],
    send: sendOf,
    sessions: () => sessions.length,
    close: () => {
      for (const socket of sockets) socket.close();
    },
  };
}
