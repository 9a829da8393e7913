// Halves: the harness in the place of the privileged half of each node. It carries nothing out; it answers wants as a half
// does that has done all of them, and tells of handshakes and bytes of stations that exist on paper.

import { join } from 'node:path';
import { accessLinks } from '#internal/dataplane/ownership.ts';
import { type FromDataplane, type FromNetwork, type SeamServer, serveSeam } from '#internal/seam/seam.ts';
import { nodeDirectory } from '#internal/testkit/lab/places.ts';

export interface Half {
  /** A peer has shaken hands on the access interface, now (Unix time, milliseconds). */
  shook(publicKey: string, atMs: number): void;
  /** Bytes that come from a peer from now on: a thousand for each time that somebody asks. */
  speaks(publicKey: string, speaks: boolean): void;
  close(): Promise<void>;
}

const [link] = accessLinks;

const bytesEach = 1_000;

export async function openHalf(nodeId: string): Promise<Half> {
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

  function answerTo(message: FromNetwork): FromDataplane | undefined {
    switch (message.type) {
      case 'want': {
        const { number, revision } = message;
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
