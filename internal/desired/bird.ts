// The two BIRD configurations of a node. Text changes only when the fabric does; tunnels and slabs come and go as
// kernel routes that BIRD learns (learn 0.1-0.2 ms, configure O(routes); measured).
//
// Names and texts from people never reach this language: ids, addresses and numbers only.

import { type MutableDataplane, put, sealedPassword } from '#internal/dataplane/dataplane.ts';
import { blackholeTable, endpointTable, fabricPrefixes, routeProtocol } from '#internal/dataplane/ownership.ts';
import { Plane, type Upstream } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fullShare } from '#internal/verdict/verdict.ts';
import { type Channel, communityChannel } from './community.ts';
import { announcedEndpoint } from './endpoint.ts';
import { fromFabric, innerText, toldByEbgp } from './inner.ts';
import { lifelinesOf } from './lifelines.ts';
import { lowered, loweredHere, loweredText } from './lowered.ts';
import { learnedMove, movedHere, moveFunction } from './moves.ts';
import { announces, originText, whileAlone } from './origin.ts';
import { sealedText } from './sealed-text.ts';
import type { Leg, View } from './self.ts';
import { sessionName, upstreamSessionName } from './session-names.ts';
import { announcedWhileActive, siblingNeighbours, siblingText } from './sibling.ts';

/** BIRD gives learned kernel routes preference 10, below BGP's 100: the loser's stale route would win. */
const learnedPreference = 110;
/** BFD: 100 ms x 3 detects in 0.3 s and did not flap under CPU saturation; 30 x 3 did (measured). */
const bfdTimers = 'min rx interval 100 ms; min tx interval 100 ms; multiplier 3;';
/** Seconds: sessions come up as soon as the link does (RFC 4271 8.2.1.3 proposes 120; nothing is overloaded here). */
const bgpTimers = 'connect delay time 1; connect retry time 2; error wait time 1, 8;';
/**
 * Seconds that a BIRD's routes are kept by its neighbours, and by its kernel, after it has gone without a word (RFC 4724): its
 * restart takes 0.1 s and its sessions 1 to 3. BFD ends that at once (RFC 5882 4.3), but for a restart that was announced.
 */
const keptSeconds = 30;
/** And how long one that has come back waits for neighbours that do not. */
const recoverySeconds = 10;
const resumes = `graceful restart on; graceful restart time ${keptSeconds};`;
/** Below BGP's 100: a slab that is the whole pool, at home here or elsewhere, beats the pool's unreachable aggregate. */
const aggregatePreference = 50;
/** Routes a trusted node may send before we stop listening for more: every /32 and /64 of a full PoP. */
const fabricLimit = 200_000;

/** Of an address that is given up: above whatever else leads to it. */
const blackholePreference = 200;
/** RFC 7999 5: BLACKHOLE, and NO_EXPORT (RFC 1997), so that it goes no further than the neighbour that was asked. */
const blackholeCommunities = 'bgp_community.add((65535, 666)); bgp_community.add((65535, 65281));';

const families = [4, 6] as const;
type Family = (typeof families)[number];
const anywhere = (family: Family): string => (family === 4 ? '0.0.0.0/0' : '::/0');
const whole = (family: Family): number => (family === 4 ? 32 : 128);
const ofFamily = (family: Family, prefixes: readonly string[]): readonly string[] =>
  prefixes.filter((prefix) => prefix.includes(':') === (family === 6));

const within = (name: string, prefixes: readonly string[]): string =>
  `function ${name}() { return ${prefixes.length === 0 ? 'false' : `net ~ [ ${prefixes.join(', ')} ]`}; }`;

/** What the fabric carries: everything inside pools, the nodes' loopbacks, and the way out. */
const prefixFunctions = (view: View): readonly string[] =>
  families.flatMap((family) => {
    const pools = ofFamily(family, view.pools);
    const inside = pools.map((prefix) => `${prefix}{${prefix.split('/')[1]},${whole(family)}}`);
    return [
      within(`p44_is_pool${family}`, pools),
      within(`p44_fabric${family}`, [...inside, ...ofFamily(family, view.loopbacks), anywhere(family)]),
    ];
  });

const common = (routerId: string): readonly string[] => [
  `router id ${routerId};`,
  `graceful restart wait ${recoverySeconds};`,
  'protocol device p44device { scan time 10; }',
];

/** One route is asked for and nothing else accepted; blocked above, so that no neighbour fills the table. */
const upstreamLimit = 'import limit 10 action block;';

interface Told {
  readonly exported: string;
  /** Absent: the one that the namespace forwards by. */
  readonly table?: string;
}

/** One that has a password and none that this node could open does not speak at all: never unsigned. */
function passwordText({ sealedPassword: sealed }: Upstream, nodeId: string): readonly string[] {
  if (Object.keys(sealed).length === 0) return [];
  const text = sealedText(sealed[nodeId]);
  return [text === undefined ? '  disabled;' : `  ${sealedPassword(text)}`];
}

const upstreamSession = (view: View, upstream: Upstream, family: Family, told: Told): readonly string[] => {
  const neighbor = family === 4 ? upstream.neighbor4 : upstream.neighbor6;
  if (neighbor === '') return [];
  return [
    `protocol bgp ${upstreamSessionName(upstream.id, family)} {`,
    `  local as ${view.node.asn}; neighbor ${neighbor} as ${upstream.neighborAsn}; ${bgpTimers}`,
    `  ${resumes}${upstream.bfd ? ` bfd ${view.node.routingWindow ? 'graceful' : 'on'};` : ''}`,
    ...passwordText(upstream, view.node.id),
    `  ipv${family} {${told.table === undefined ? '' : ` table ${told.table};`} import where net = ${anywhere(family)}; ${upstreamLimit} export ${told.exported}; };`,
    '}',
  ];
};

const upstreamsOf = (view: View, plane: Plane): readonly Upstream[] => view.upstreams.filter((u) => u.plane === plane);

const bfd = (interfaces: readonly string[]): readonly string[] => [
  'protocol bfd p44bfd {',
  ...interfaces.map((pattern) => `  interface "${pattern}" { ${bfdTimers} };`),
  '}',
];

/** To a sibling that is away as often as to one that is there: a node that hears nobody must not seem to stand still. */
const siblingTimers = `${bfdTimers} idle tx interval 100 ms;`;

/**
 * Timers for a sibling stand before there is one: of a neighbour that comes with a reconfiguration BIRD takes them from the text before
 * (2.0.12, bfd_reconfigure), and where that has none its multiplier of 5, so that the first death was told after 500 ms.
 */
const transportBfd = ({ node, sibling }: View): readonly string[] => [
  'protocol bfd p44bfd {',
  `  interface "*" { ${node.heartbeat === '' ? bfdTimers : siblingTimers} };`,
  `  multihop { ${siblingTimers} };`,
  ...(sibling === undefined ? [] : siblingNeighbours(sibling)).map((line) => `  ${line}`),
  '}',
];

/** Announces the PoP's endpoint, if it is announced; gives the access interface a default route with the endpoint as its source. */
function transportText(view: View): string {
  const endpoint = (family: Family): string => announcedEndpoint(view.pop, family);
  const { sibling } = view;
  const announced = (family: Family): string =>
    sibling === undefined ? `where proto = "p44endpoint${family}"` : announcedWhileActive(view, family);
  return [
    // Where the underlay is IPv6 alone, any IPv4 address of the node's own will do (RFC 6286).
    ...common(view.node.underlay4 || view.node.loopback4),
    ...transportBfd(view),
    ...(sibling === undefined ? [] : siblingText(view, sibling, bgpTimers)),
    ...families.flatMap((family) =>
      endpoint(family) === ''
        ? []
        : [
            ...(sibling === undefined
              ? [
                  `protocol static p44endpoint${family} { ipv${family}; route ${endpoint(family)}/${whole(family)} unreachable; }`,
                ]
              : []),
            `protocol kernel p44kernel${family} {`,
            `  kernel table ${endpointTable}; scan time 10; graceful restart on;`,
            `  ipv${family} { import none; export filter { if source != RTS_BGP then reject; krt_prefsrc = ${endpoint(family)}; accept; }; };`,
            '}',
            ...upstreamsOf(view, Plane.TRANSPORT).flatMap((upstream) =>
              upstreamSession(view, upstream, family, { exported: announced(family) }),
            ),
          ],
    ),
    '',
  ].join('\n');
}

/**
 * A link that is leaving loses against the other one to the same neighbour, whose MED is 0, and against nothing else: MEDs of
 * one neighbour are compared after the lengths of paths (RFC 4271 9.1.2.2), so that nobody makes a detour.
 */
const leaving = (leg: Leg): string => (leg.leaving ? ' bgp_med = 1;' : '');

/**
 * Hops that a path which flaps is made longer by: two detour a direct one, and each node adds up the same lengths, so that no
 * two of them can disagree for ever, as they can about local preferences (RFC 4264).
 */
const detourHops = 2;

/**
 * Routes of equal paths are merged for the kernel by these weights (BIRD 2.0.12, `weight`), those of a detour with none. A
 * change has the neighbour send its routes again (RFC 2918): 0 of 122,000 packets lost over 20 changes of 1,000 routes each.
 */
function shared(view: View, leg: Leg): string {
  const { weight, detour } = view.self.shares?.get(leg.link) ?? fullShare;
  const longer = detour ? ` bgp_path.prepend(${leg.far.asn});`.repeat(detourHops) : '';
  return ` weight = ${weight};${longer}`;
}

const taken = (view: View, leg: Leg, { takes, moves }: Channel): string =>
  `filter { if !(${takes}) then reject; ${moves} ${loweredHere}${leaving(leg)}${shared(view, leg)} accept; }`;

const fabricChannel = (view: View, family: Family): Channel => ({
  roles: '',
  limit: fabricLimit,
  takes: `p44_fabric${family}()`,
  moves: movedHere,
  tells: `p44_fabric${family}() && source != RTS_STATIC && dest != RTD_BLACKHOLE${toldByEbgp(view)}`,
});

/**
 * Of a node that is drained neighbours hear that there are better ways to others. To what is its own there is none but it; before
 * it has moved, two neighbours would send to each other.
 */
const exported = ({ node }: View, tells: string): string =>
  node.drain === undefined
    ? `export where ${tells}`
    : `export filter { if !(${tells}) then reject; if source = RTS_BGP then ${lowered} accept; }`;

const fabricSession = (view: View, leg: Leg, family: Family): readonly string[] => {
  const { community } = leg;
  if (!leg.ebgp) return [];
  const channel = community === undefined ? fabricChannel(view, family) : communityChannel(community, family);
  return [
    `protocol bgp ${sessionName(leg.interconnect.id, leg.turn, family)} {`,
    `  local ${family === 4 ? leg.own4 : leg.own6} as ${view.node.asn}; neighbor ${family === 4 ? leg.far4 : leg.far6} as ${leg.far.asn}; direct; ${bgpTimers}`,
    `  ${resumes} bfd ${view.node.routingWindow || leg.far.routingWindow ? 'graceful' : 'on'};${channel.roles}`,
    `  ipv${family} {`,
    // Blocked above, not ended: what was there before stays.
    `    import limit ${channel.limit} action block;`,
    `    import ${taken(view, leg, channel)}; ${exported(view, channel.tells)};`,
    '  };',
    '}',
  ];
};

/**
 * Addresses that are given up come and go as kernel routes of a table of their own: BIRD takes one kernel protocol for
 * each of its tables, so that a pipe brings them to the others.
 */
const blackholeText = (family: Family): readonly string[] => [
  `ipv${family} table p44black${family};`,
  `protocol kernel p44blackhole${family} {`,
  `  kernel table ${blackholeTable}; learn; persist; scan time 10;`,
  `  ipv${family} { table p44black${family}; import where krt_source = ${routeProtocol}; export none; };`,
  '}',
  `protocol pipe p44given${family} {`,
  `  table p44black${family}; peer table master${family};`,
  `  import none; export filter { preference = ${blackholePreference}; accept; };`,
  '}',
];

/** Upstreams hear of the pools, and those that listen for it of addresses that they shall drop. */
const heardBy = (view: View, upstream: Upstream, family: Family): string => {
  const given = upstream.blackhole
    ? `if dest = RTD_BLACKHOLE && net.len = ${whole(family)} then { ${blackholeCommunities} accept; } `
    : '';
  const drained = view.node.drain === undefined ? '' : `${lowered} `;
  return `filter { ${given}if !p44_is_pool${family}() then reject; ${whileAlone(view, family)}${drained}accept; }`;
};

/** Announces pools upstream, slabs and tunnels away from home to the fabric; fills the realm's kernel table. */
function popText(view: View): string {
  const loopback = (family: Family): string => (family === 4 ? view.node.loopback4 : view.node.loopback6);
  return [
    ...common(view.node.loopback4),
    ...bfd([...Object.values(fabricPrefixes).map((prefix) => `${prefix}*`), '*']),
    ...prefixFunctions(view),
    ...moveFunction(view),
    'protocol direct p44loopback { ipv4; ipv6; interface "lo"; }',
    ...families.flatMap((family) => [
      ...blackholeText(family),
      `protocol static p44pools${family} { ipv${family} { preference ${aggregatePreference}; };`,
      // A pool that is one slab at home here stands in the kernel already: the same prefix twice would hide it.
      ...ofFamily(family, view.pools)
        .filter((prefix) => !view.homes.includes(prefix))
        .map((prefix) => `  route ${prefix} unreachable;`),
      '}',
      `protocol kernel p44kernel${family} {`,
      `  kernel table ${view.internet.table}; learn; persist; scan time 10; graceful restart on; merge paths on;`,
      `  ipv${family} {`,
      `    import filter { if krt_source != ${routeProtocol} then reject; preference = ${learnedPreference}; ${loweredText} ${learnedMove(view)} accept; };`,
      `    export filter { if source = RTS_DEVICE || source = RTS_INHERIT || dest = RTD_BLACKHOLE then reject;${loopback(family) === '' ? '' : ` if ${fromFabric(view)} then krt_prefsrc = ${loopback(family)};`} accept; };`,
      '  };',
      '}',
      ...(announces(view) ? originText(view, family) : []),
      ...upstreamsOf(view, Plane.POP).flatMap((upstream) =>
        upstreamSession(view, upstream, family, {
          exported: heardBy(view, upstream, family),
          table: `p44up${family}`,
        }),
      ),
      ...innerText(view, family),
      ...view.legs.flatMap((leg) => fabricSession(view, leg, family)),
    ]),
    '',
  ].join('\n');
}

export function bird(view: View, into: MutableDataplane): void {
  const { transportRoutingGeneration, popRoutingGeneration } = view.node;
  put(into, 'bird', {
    netns: 'transport',
    text: transportText(view),
    lifelines: lifelinesOf(view, Plane.TRANSPORT),
    generation: transportRoutingGeneration,
  });
  put(into, 'bird', {
    netns: 'pop',
    text: popText(view),
    lifelines: lifelinesOf(view, Plane.POP),
    generation: popRoutingGeneration,
  });
}
