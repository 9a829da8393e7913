// Flow: an open flow of a tunnel as the kernel's table has it; goes along when the tunnel moves to another node.

export interface Flow {
  readonly protocol: 'tcp' | 'udp';
  /** Where it began, and where it leads; without translation its replies have no other addresses. */
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
  /** Of TCP, as conntrack(8) names it; of UDP empty. */
  readonly state: string;
  /** Seconds until the kernel forgets it. */
  readonly secondsLeft: number;
  /** Something came back. */
  readonly answered: boolean;
  /** It is a flow by more than its first packets, and not forgotten when the table is full. */
  readonly assured: boolean;
  /** What the rules made of its first packet. */
  readonly mark: number;
}

/** The states of TCP in which a flow is worth carrying: the others end or begin within seconds. */
export const carriedStates = ['ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT'] as const;

/** Of tunnels that move at one time; 100 bytes each on the mesh, whose messages have 4 MB at most (rpc/serve.ts). */
export const mostFlows = 8_192;
