// Reflect: who answers the echoes of a load, as fast as they come.
//
// The kernel's own answers all leave by one socket for each processor, whose buffer is full with some sixty of them (icmp_sk_init of
// net/ipv4/icmp.c): while a busy node has not taken so many yet, others are never sent, and would be counted as lost by
// the node. Here an echo becomes its own answer on its way (nft(8), statements of payload), and goes back as any router's packet does.

import type { World } from '#internal/testkit/lab/lab.ts';

const table = (address: string): string => `table ip bench44 {
  chain echoes {
    type filter hook prerouting priority raw; policy accept;
    icmp type echo-request ip daddr ${address} icmp type set echo-reply ip daddr set ip saddr ip saddr set ${address}
  }
}`;

/** In the namespace of whose address it is, which needs no route of its own for them. */
export async function reflectEchoes(lab: World, netns: string, address: string): Promise<void> {
  // They come in with an address of its own as their source then, and leave where they came in.
  const settings = ['forwarding=1', 'accept_local=1', 'rp_filter=0', 'send_redirects=0'];
  const of = ['all', 'eth0'].flatMap((device) => settings.map((each) => `net.ipv4.conf.${device}.${each}`));
  await lab.exec(netns, ['sysctl', '-q', '-w', ...of]);
  await lab.exec(netns, ['nft', '-f', '-'], { input: table(address) });
}
