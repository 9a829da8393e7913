// What trusted nodes say to each other where they speak OSPF: to the other end of a link, and between loopbacks.

import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { innerPeers, loopbackOf } from './inner.ts';
import type { Family } from './origin.ts';
import type { View } from './self.ts';

/** IANA: OSPF (RFC 5340), BGP (RFC 4271), BFD over one hop (RFC 5881 4). */
const ospfProtocol = 89;
const bgpPort = 179;
const bfdPort = 3784;
/** RFC 5340 A.1 and RFC 5881 5: neither was sent from beyond the link. */
const ospfHops = 1;
const bfdHops = 255;
/** Both speak by link-local addresses: of this end of the link alone there can be any. */
const linkLocal = 'fe80::/10';
/** RFC 5340 A.1: AllSPFRouters. Nobody is a designated router on a link of two. */
const allRouters = 'ff02::5';

const families = [4, 6] as const;
const ip = (family: Family): string => (family === 4 ? 'ip' : 'ip6');

const linksOf = ({ legs }: View): readonly string[] => legs.filter(({ ospf }) => ospf).map(({ link }) => `"${link}"`);

/** A rule for each family that this node and others have loopbacks of. */
function perFamily(view: View, rule: (family: Family, own: string, others: string) => string): readonly string[] {
  return families.flatMap((family) => {
    const addressOf = (node: Node): string => loopbackOf(node, family);
    const others = innerPeers(view, family).map(addressOf);
    return others.length === 0 ? [] : [rule(family, addressOf(view.node), `{ ${others.join(', ')} }`)];
  });
}

export function innerInput(view: View): readonly string[] {
  const links = linksOf(view);
  if (links.length === 0) return [];
  const from = `iifname { ${links.join(', ')} }`;
  return [
    `${from} ip6 saddr ${linkLocal} meta l4proto ${ospfProtocol} ip6 hoplimit ${ospfHops} accept`,
    `${from} ip6 saddr ${linkLocal} udp dport ${bfdPort} ip6 hoplimit ${bfdHops} accept`,
    ...perFamily(
      view,
      (family, own, others) =>
        `${from} ${ip(family)} saddr ${others} ${ip(family)} daddr ${own} tcp dport ${bgpPort} accept`,
    ),
  ];
}

export function innerOutput(view: View): readonly string[] {
  const links = linksOf(view);
  if (links.length === 0) return [];
  const to = `oifname { ${links.join(', ')} }`;
  return [
    `${to} ip6 daddr { ${linkLocal}, ${allRouters} } meta l4proto ${ospfProtocol} accept`,
    `${to} ip6 daddr ${linkLocal} udp dport ${bfdPort} accept`,
    ...perFamily(view, (family, _own, others) => `${to} ${ip(family)} daddr ${others} tcp dport ${bgpPort} accept`),
  ];
}
