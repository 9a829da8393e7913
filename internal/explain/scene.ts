// Scene: everything around a packet that is the same for the plan and for the kernel.

import type { Policy } from '#internal/firewall/firewall.ts';
import type { Absence } from './absence.ts';
import type { Packet } from './packet.ts';

/** A tunnel at one end of the packet. */
export interface Party {
  readonly id: string;
  /** As a person may type it: its name, or its id where others have that name. */
  readonly ref: string;
  /** The key of now, and the one that takes over. */
  readonly publicKeys: readonly string[];
  readonly policy: Policy;
  /** Access interface that it is reached by. */
  readonly link: string;
  /** Why this node holds nothing of it. */
  readonly absence?: Absence;
}

export interface Scene {
  readonly nodeId: string;
  readonly packet: Packet;
  /** By which interface it comes in. */
  readonly enters: 'tunnel' | 'fabric' | 'outside';
  readonly source?: Party;
  readonly target?: Party;
  /** What is known of a target address that no tunnel has: `in quarantine`. */
  readonly nobody: string;
  /** Node where the target lives with routes of its own. */
  readonly elsewhere?: string;
  /** Lengths of tunnels' prefixes in the packet's family. */
  readonly units: readonly number[];
  /** Pools and loopbacks. */
  readonly space: readonly string[];
  /** Routing table of the realm. */
  readonly table: number;
  /** The planned text of the pop namespace's table. */
  readonly ruleset: string | undefined;
  readonly nowMs: number;
}
