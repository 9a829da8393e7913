// Handshakes: the gate before a node's WireGuard ports. Whoever knows a public key can forge initiations that cost the
// node a Diffie-Hellman each; 20,000 a second keep WireGuard under load, where every handshake waits 5 s for a cookie.
//
// Before connection tracking: data passes; initiations of sources that have shaken hands pass up to what one source
// needs; all others share a budget below what WireGuard takes without falling under load. When that is spent, a source
// passes at its second knock, 5 s after its first: a client knocks again from the same port, and a forger would have to
// wait for each of his sources. Sets are filled by packets and by the privileged half (driver/nft), never by the plan.

import { knownSets } from '#internal/dataplane/ownership.ts';
import { chain } from './nft-text.ts';

/**
 * Initiations a second. wireguard-go falls under load with 128 in its queue, the kernel with 512; it takes about 0.1 ms
 * of a core for one, so these are a quarter of one core at most, and their bursts fit the queue twice.
 */
const unknownRate = 'limit rate 300/second burst 30 packets';
const secondRate = 'limit rate 1500/second burst 40 packets';
const knownRate = 'limit rate 1000/second burst 40 packets';
/** Of one source: behind one address of a provider's NAT, 1,000 clients that rekey each 120 s make 8. */
const sourceRate = 'limit rate over 10/second burst 30 packets';
/** Answers to our own initiations: a takeover calls 1,000 clients a second. A forged one costs 3 us. */
const answerRate = 'limit rate 4000/second burst 1000 packets';

/** wg(8): REKEY_TIMEOUT 5 s and up to 0.33 s of jitter; the first is shorter for clocks, the second longer for paths. */
const early = '4s900ms';
const late = '5s700ms';
/** 20,000 a second for `late` are 114,000; 100 bytes each. */
const knocks = 262_144;
/** Twice what one device holds. */
const knownSize = 131_072;

const slash64 = 'ffff:ffff:ffff:ffff::';
const source = { 4: 'ip saddr', 6: `ip6 saddr & ${slash64}` } as const;
const flow = { 4: 'ip saddr . udp sport', 6: 'ip6 saddr . udp sport' } as const;
const families = [4, 6] as const;

/** Types 1 to 4 as the first 32 bits of the payload (WireGuard paper, 5.4): one byte and three reserved ones, zero. */
export const type = (number: number): string => `@th,64,32 0x0${number}000000`;
/** 148 bytes and the UDP header. */
export const initiation = `udp length 156 ${type(1)}`;

const sets: readonly string[] = families.flatMap((family) => [
  `set ${knownSets[family]} { type ipv${family}_addr; size ${knownSize}; flags timeout; timeout 1d; }`,
  `set tries${family} { type ipv${family}_addr; size ${knownSize}; flags dynamic,timeout; timeout 10s; }`,
  `set early${family} { type ipv${family}_addr . inet_service; size ${knocks}; flags dynamic,timeout; timeout ${early}; gc-interval 1s; }`,
  `set late${family} { type ipv${family}_addr . inet_service; size ${knocks}; flags dynamic,timeout; timeout ${late}; gc-interval 1s; }`,
]);

const remember: readonly string[] = families.flatMap((family) => [
  `update @early${family} { ${flow[family]} }`,
  `update @late${family} { ${flow[family]} }`,
]);

const perSource: readonly string[] = families.map(
  (family) => `update @tries${family} { ${source[family]} ${sourceRate} } drop`,
);

/**
 * @param gates what leads to a WireGuard port of ours, as matches: ports whose flows need no way back by connection tracking, and the others
 * @param neighbours addresses of nodes, known from the records and node.json
 * @param looking rules without a verdict that see every packet of the gates
 */
export function handshakeGate(
  gates: { readonly untracked: readonly string[]; readonly tracked: readonly string[] },
  neighbours: Readonly<Record<4 | 6, readonly string[]>>,
  looking: readonly string[],
): readonly string[] {
  const ofKnown = families.flatMap((family) => [
    ...(neighbours[family].length === 0
      ? []
      : [`${family === 4 ? 'ip' : 'ip6'} saddr { ${neighbours[family].join(', ')} } goto known_initiation`]),
    `${source[family]} @${knownSets[family]} goto known_initiation`,
  ]);
  return [
    ...sets,
    chain('known_initiation', ...perSource, `${knownRate} accept`, 'drop'),
    chain('second_knock', ...remember, `${secondRate} accept`, 'drop'),
    chain(
      'initiation',
      ...ofKnown,
      // Sources that nobody has: ours, multicast, broadcast.
      'fib saddr type != unicast drop',
      ...perSource,
      `${unknownRate} accept`,
      ...families.map((family) => `${flow[family]} @early${family} drop`),
      ...families.map((family) => `${flow[family]} @late${family} goto second_knock`),
      ...remember,
      'drop',
    ),
    chain(
      'wireguard',
      ...looking,
      `${type(4)} accept`,
      `${initiation} goto initiation`,
      `${type(2)} ${answerRate} accept`,
      `${type(3)} ${answerRate} accept`,
      // Nothing else reaches the socket.
      'drop',
    ),
    chain(
      'gate',
      // Before connection tracking, whose table forged sources would fill (raw is -300, tracking -200).
      'type filter hook prerouting priority raw; policy accept;',
      ...gates.untracked.map((match) => `${match} notrack goto wireguard`),
      ...gates.tracked.map((match) => `${match} goto wireguard`),
    ),
  ];
}
