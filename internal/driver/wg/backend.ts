// Backend: what the two implementations of WireGuard have in common.

import type { Netns } from '#internal/dataplane/dataplane.ts';

export interface DevicePeer {
  /** 44 characters of base64. */
  readonly publicKey: string;
  readonly endpoint?: string;
  /** Milliseconds since 1970; 0: never. */
  readonly lastHandshakeMs: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly keepaliveSeconds: number;
  /** Sorted as strings. */
  readonly allowedIps: readonly string[];
  /** Hash of the pre-shared key (keyring.ts); absent: none. */
  readonly presharedKeyHash?: string;
}

export interface Device {
  /** Base64, clamped as Curve25519 wants it; absent: none yet. Never shown. */
  readonly privateKey?: string;
  readonly listenPort: number;
  readonly fwmark: number;
  readonly peers: readonly DevicePeer[];
}

/** What is to be set; what is absent stays as it is. */
export interface DeviceChange {
  /** In base64, and where there is one, the file that has it. */
  readonly privateKey?: { readonly base64: string; readonly file?: string };
  readonly fwmark?: number;
  readonly listenPort?: number;
}

export type PeerChange =
  | {
      readonly op: 'set';
      readonly publicKey: string;
      /** One that is not there is not made. wg(8) has no word for it: there it is made. */
      readonly updateOnly?: true;
      /** All of them: others are taken away. */
      readonly allowedIps: readonly string[];
      readonly keepaliveSeconds: number;
      /** Absent: stays as it is. */
      readonly endpoint?: string;
      /** Base64; empty: none any more; absent: stays as it is. */
      readonly presharedKey?: string;
    }
  | { readonly op: 'remove'; readonly publicKey: string };

export interface Backend {
  /** Brings an interface to life in the transport namespace, down, without key and peers. */
  create(name: string): Promise<void>;
  remove(name: string, netns: Netns): Promise<void>;
  /** undefined: there is no such interface, or nothing stands behind it that answers. */
  read(name: string, netns: Netns): Promise<Device | undefined>;
  set(name: string, netns: Netns, change: DeviceChange): Promise<void>;
  /** @throws Fault `rejected` when some peer of the batch was refused; harmless to repeat */
  setPeers(name: string, netns: Netns, changes: readonly PeerChange[]): Promise<void>;
  /** What stands behind an interface answers, as far as it is known without asking. */
  lives(name: string): boolean;
  close(): Promise<void>;
}
