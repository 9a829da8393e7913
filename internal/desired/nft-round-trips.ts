// Round trips: how far away a client is, told by its handshakes. WireGuard does not say, and a client's firewall may answer
// no ping; but what a client sends in a new session, it sends because our half of the handshake has reached it.
//
// When a handshake of ours leaves, its index is kept, and once more when something comes back that names it: both are elements
// whose times to live begin alike, so that their difference is the round trip (172 ms of 150 and a timer's 22, measured). What
// still comes in an older session names another index. Only what authenticated peers cause is kept.

import { tripSets } from '#internal/dataplane/ownership.ts';
import { initiation, type } from './nft-handshakes.ts';

const families = [4, 6] as const;
const address = { 4: 'ip', 6: 'ip6' } as const;
/** A handshake is seen within 10 s (applier/handshakes.ts) and its trip read within 10 more (duty/round-trips.ts). */
const life = '30s';
/** 100 bytes each. 10,000 clients rekey 83 times a second, with two elements a handshake. */
const size = 65_536;

/** Where in a message the index stands that its sender, or its receiver, has given the session (WireGuard paper, 5.4). */
const [sendersIndex, receiversIndex, dataIndex] = ['@th,96,32', '@th,128,32', '@th,96,32'];
const messageType = '@th,64,32';
/** 92 bytes and the UDP header. */
const response = `udp length 100 ${type(2)}`;

const declared = (family: 4 | 6, name: string, ...more: readonly string[]): string => {
  const key = [`${address[family]} saddr`, 'udp sport', sendersIndex, ...more].join(' . ');
  return `set ${name} { typeof ${key}; size ${size}; flags dynamic,timeout; timeout ${life}; }`;
};

export const tripSetTexts: readonly string[] = families.flatMap((family) => [
  declared(family, `shaking${family}`),
  declared(family, tripSets[family], messageType),
]);

/** Of what WireGuard sends. */
export const leaving: readonly string[] = families.flatMap((family) => {
  const to = `${address[family]} daddr . udp dport . ${sendersIndex}`;
  return [initiation, response].flatMap((message) => [
    `${message} update @shaking${family} { ${to} }`,
    `${message} update @${tripSets[family]} { ${to} . ${messageType} }`,
  ]);
});

/** Of what comes to WireGuard; only the first of its kind counts. */
export const comingBack: readonly string[] = families.flatMap((family) =>
  [
    [response, receiversIndex],
    [type(4), dataIndex],
  ].map(([message, index]) => {
    const from = `${address[family]} saddr . udp sport . ${index}`;
    return `${message} ${from} @shaking${family} add @${tripSets[family]} { ${from} . ${messageType} }`;
  }),
);
