// Halves: the harness in the place of the privileged half of each node. It carries nothing out; it answers wants as a half
// does that has done all of them, and tells of handshakes and bytes of stations that exist on paper.

import { join } from 'node:path';
import { accessLinks } from '#internal/dataplane/ownership.ts';
import { type FromDataplane, type FromNetwork, type SeamServer, serveSeam, type Want } from '#internal/seam/seam.ts';
import { nodeDirectory } from '#internal/testkit/lab/places.ts';
import type { Peers } from './check/peers.ts';

export interface Half {
  /** A peer has shaken hands on the access interface, now (Unix time, milliseconds). */
  shook(publicKey: string, atMs: number): void;
  /** Bytes that come from a peer from now on: a thousand for each time that somebody asks. */
  speaks(publicKey: string, speaks: boolean): void;
  close(): Promise<void>;
}

const [link] = accessLinks;

/** Peers of the access interface as the wants so far have it. @param keyed `<link> <public key>` */
const ownKey = (keyed: string): string | undefined =>
  keyed.startsWith(`${link} `) ? keyed.slice(link.length + 1) : undefined;

const bytesEach = 1_000;

/** @param onPeers hears the peers of the access interface after each want, with the want's revision */
export async function openHalf(
  nodeId: string,
  onPeers: (revision: bigint, peers: Peers) => void = () => {},
): Promise<Half> {
  const peers = new Map<string, string>();
  const handshakes = new Map<string, number>();
  const received = new Map<string, number>();
  const speaking = new Set<string>();
  const told = (): FromDataplane => ({
    type: 'handshakes',
    peers: [...handshakes].map(([key, atMs]) => [key, atMs, link] as const),
  });
  const bytesOf = (key: string): number => {
    const bytes = (received.get(key) ?? 0) + (speaking.has(key) ? bytesEach : 0);
    received.set(key, bytes);
    return bytes;
  };

  function hold({ whole, put, remove }: Want): void {
    if (whole) peers.clear();
    for (const [kind, keyed] of remove) {
      const key = kind === 'peer' ? ownKey(keyed) : undefined;
      if (key !== undefined) peers.delete(key);
    }
    for (const [kind, value] of put)
      if (kind === 'peer' && value.link === link) peers.set(value.publicKey, value.allowedIps.join(' '));
  }

  function answerTo(message: FromNetwork): FromDataplane | undefined {
    switch (message.type) {
      case 'want': {
        const { number, revision } = message;
        hold(message);
        onPeers(BigInt(revision), peers);
        return { type: 'applied', number, revision, failing: 0, failures: [] };
      }
      case 'ask-contact': {
        const known = message.peers.filter((key) => handshakes.has(key));
        const peers = known.map((key) => [key, bytesOf(key)] as const);
        return { type: 'contact', number: message.number, peers };
      }
      case 'forget':
        for (const [key] of message.peers) if (!speaking.has(key)) handshakes.delete(key);
        return undefined;
      case 'ask-flows':
        return { type: 'open-flows', number: message.number, flows: [] };
      case 'ask-sessions':
        return { type: 'sessions', number: message.number, established: [] };
      case 'ask-denials':
        return { type: 'denials', number: message.number, denied: [] };
      default:
        return undefined;
    }
  }

  const seam: SeamServer = await serveSeam(join(nodeDirectory(nodeId), 'dataplane.sock'), {
    // Nobody else is in this sandbox.
    admits: async () => true,
    connected: (send) => {
      send(told());
      send({ type: 'duty', role: 'alone', epoch: 0, alarm: '' });
      send({ type: 'hello', accessPeers: 0 });
    },
    message: (message, answer) => {
      const reply = answerTo(message);
      if (reply !== undefined) answer(reply);
    },
  });
  return {
    shook(publicKey, atMs) {
      handshakes.set(publicKey, atMs);
      seam.send({ type: 'handshakes', peers: [[publicKey, atMs, link]] });
    },
    speaks(publicKey, speaks) {
      if (speaks) speaking.add(publicKey);
      else speaking.delete(publicKey);
    },
    close: () => seam.close(),
  };
}
