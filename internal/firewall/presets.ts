// Presets: what most people want to let in, each under a name of its own.

/** What a preset admits; ports of an IP protocol, both ends included. */
export interface Opening {
  readonly protocol: 6 | 17;
  readonly firstPort: number;
  readonly lastPort: number;
}

export interface Preset {
  readonly openings: readonly Opening[];
  /** For people. */
  readonly admits: string;
}

const tcp = (port: number): Opening => ({ protocol: 6, firstPort: port, lastPort: port });
const udp = (firstPort: number, lastPort = firstPort): Opening => ({ protocol: 17, firstPort, lastPort });

export const presets = {
  ping: { openings: [], admits: 'ICMP and ICMPv6 echo requests' },
  // RFC 9110 4.2, RFC 9114 3.1.
  web: { openings: [tcp(80), tcp(443), udp(443)], admits: 'tcp/80, tcp/443, udp/443' },
  // RFC 4253 4.1.
  ssh: { openings: [tcp(22)], admits: 'tcp/22' },
  // echolink.org, "Firewall Solutions": UDP 5198 and 5199 both ways; TCP 5200 only outwards.
  echolink: { openings: [udp(5198, 5199)], admits: 'udp/5198-5199' },
  // RFC 5456 2.
  iax2: { openings: [udp(4569)], admits: 'udp/4569' },
  // VOTER protocol of AllStarLink: the host's port.
  voter: { openings: [udp(1667)], admits: 'udp/1667' },
  open: { openings: [], admits: 'everything' },
} as const satisfies Readonly<Record<string, Preset>>;

export type PresetName = keyof typeof presets;

/** In the order in which they are shown. */
export const presetNames = Object.keys(presets) as readonly PresetName[];

/** The word for none of them. */
export const closed = 'closed';

export const isPresetName = (name: string): name is PresetName => Object.hasOwn(presets, name);
