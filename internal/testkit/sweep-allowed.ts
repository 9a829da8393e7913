// What of a node may answer whom: all of it, with the reason. Whatever else the sweep reaches is a hole.

import { joinPort } from './lab/node-files.ts';
import type { Reached } from './prober.ts';

export type Vantage = 'tunnel' | 'internet' | 'upstream' | 'neighbour';
export type Side = 'transport' | 'pop';

interface Row {
  readonly from: readonly Vantage[];
  readonly to: Side;
  readonly protocol?: Reached['protocol'];
  /** Absent: any. */
  readonly port?: number;
  readonly why: string;
}

const rows: readonly Row[] = [
  {
    from: ['tunnel', 'internet', 'upstream', 'neighbour'],
    to: 'transport',
    protocol: 'tcp',
    port: 22,
    why: "ssh, unless node.json's hostServices say otherwise: an operator must not lose his way in",
  },
  {
    from: ['tunnel', 'internet', 'upstream', 'neighbour'],
    to: 'transport',
    protocol: 'tcp',
    port: joinPort,
    why: 'the join port of a node that holds the CA key: a machine that joins is a stranger until its token is read',
  },
  { from: ['upstream'], to: 'transport', protocol: 'tcp', port: 179, why: 'BGP of the neighbour that a record names' },
  { from: ['upstream'], to: 'transport', protocol: 'udp', port: 3784, why: 'BFD of the neighbour that a record names' },
  { from: ['upstream'], to: 'pop', protocol: 'tcp', port: 179, why: 'BGP of the neighbour that a record names' },
  { from: ['upstream'], to: 'pop', protocol: 'udp', port: 3784, why: 'BFD of the neighbour that a record names' },
];

export const isAllowed = (from: Vantage, to: Side, { protocol, port }: Reached): boolean =>
  rows.some(
    (row) =>
      row.from.includes(from) &&
      row.to === to &&
      (row.protocol ?? protocol) === protocol &&
      (row.port ?? port) === port,
  );
