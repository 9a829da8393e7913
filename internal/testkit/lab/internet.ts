// Internet: the transit of the lab, one BIRD that behaves as a provider's edge, and a server on a host of it.

import type { LabNode } from './topology.ts';
import { internetAsn } from './topology.ts';

// A provider's list: no default, no special space (RFC 6890; documentation space is what the lab uses), nothing longer
// than /24 and /48, nothing of the internet's own links.
const bogons4 = [
  '0.0.0.0/8+',
  '10.0.0.0/8+',
  '100.64.0.0/10+',
  '127.0.0.0/8+',
  '169.254.0.0/16+',
  '172.16.0.0/12+',
  '192.168.0.0/16+',
  '198.18.0.0/15+',
  '224.0.0.0/3+',
];

/** RFC 7999: a customer asks to have an address dropped. */
const dropped = (family: 4 | 6): string =>
  `if (65535, 666) ~ bgp_community && net.len = ${family === 4 ? 32 : 128} then { dest = RTD_BLACKHOLE; accept; }`;

const accepted = {
  // Floating endpoints: a /32 works because the lab's provider carries them inside its own AS.
  transport: {
    4: 'if net ~ [ 198.18.200.0/24{32,32}, 44.27.0.0/16{24,32} ] then accept;',
    6: 'if net ~ [ 2001:db8:1:e0::/60{64,128} ] then accept;',
  },
  // Customers' space, and the routers' loopbacks.
  pop: {
    4: `${dropped(4)} if net ~ [ 198.18.210.0/24{32,32} ] then accept; if net !~ [ ${bogons4.join(', ')} ] && net.len >= 8 && net.len <= 24 then accept;`,
    6: `${dropped(6)} if net ~ [ 2001:db8:1:f0::/60{64,128} ] then accept; if net ~ [ 2000::/3{19,48} ] && net !~ [ 2001:db8:1::/48+ ] then accept;`,
  },
} as const;

type Plane = keyof typeof accepted;
const planes: readonly Plane[] = ['transport', 'pop'];
const families = [4, 6] as const;
type Family = (typeof families)[number];

/** Where several nodes announce one endpoint: datagrams for it go to one of these, while it announces it. */
const preferring = (preferred: readonly LabNode[], plane: Plane, family: Family): string => {
  if (preferred.length === 0 || plane !== 'transport') return '';
  const from = preferred.map(({ underlay4, underlay6 }) => (family === 4 ? underlay4 : underlay6));
  return `if from ~ [ ${from.join(', ')} ] then bgp_local_pref = 200;`;
};

const filterText = (plane: Plane, family: Family, preferred: readonly LabNode[]): string => `
filter from_${plane}${family} {
  # RFC 8326: a neighbour that is about to go asks for less.
  if (65535, 0) ~ bgp_community then bgp_local_pref = 0;
  ${preferring(preferred, plane, family)}
  ${accepted[plane][family]}
  reject;
}`;

/** Of an endpoint on a LAN nobody is told. */
const planesOf = ({ lan }: LabNode): readonly Plane[] => (lan === true ? ['pop'] : planes);

function sessionText(node: LabNode, plane: Plane, family: Family): string {
  const neighbor =
    plane === 'transport'
      ? { 4: node.underlay4, 6: node.underlay6 }[family]
      : { 4: node.popUplink4, 6: node.popUplink6 }[family];
  return `
protocol bgp ${node.id}_${plane}${family} from customer {
  neighbor ${neighbor} as ${node.asn};
  ipv${family} {
    import filter from_${plane}${family};
    import limit 1000 action block;
    export where proto = "default${family}";
    next hop self;
  };
}`;
}

/** `socket` and the rest of its files stay with the caller; this is the text of the configuration alone. */
export function internetBird(nodes: readonly LabNode[], preferred: readonly LabNode[] = []): string {
  return `
log stderr { warning, error, fatal, bug, auth };
router id 198.18.0.1;
protocol device { scan time 10; }
protocol bfd { interface "*" { min rx interval 100 ms; min tx interval 100 ms; multiplier 3; }; }
protocol static default4 { ipv4; route 0.0.0.0/0 blackhole; }
protocol static default6 { ipv6; route ::/0 blackhole; }
${families.map((family) => `protocol kernel { ipv${family} { import none; export where source = RTS_BGP; }; merge paths on; }`).join('\n')}
template bgp customer {
  local as ${internetAsn};
  bfd on;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 4;
}
${planes.flatMap((plane) => families.map((family) => filterText(plane, family, preferred))).join('\n')}
${nodes.flatMap((node) => planesOf(node).flatMap((plane) => families.map((family) => sessionText(node, plane, family)))).join('\n')}
`;
}
