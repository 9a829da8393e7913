// Valid: whether a line from the network half is a want or a question at all. That half may be in a stranger's hands: what
// is not of the vocabulary, in every field, is refused whole and changes nothing. What a value may be in its tool's
// language, each driver asks again before it renders it.

import {
  carriedStates,
  type Flow,
  type Kind,
  type Kinds,
  kinds,
  type Lifeline,
  mostFlows,
  purposes,
} from '#internal/dataplane/dataplane.ts';
import { accessLinks, meshLink } from '#internal/dataplane/ownership.ts';
import { Fault } from '#internal/errors/errors.ts';
import { below, type Check, isObject, list, maybe, misfit, one, type Shape, text, whole } from './checks.ts';
import type { AskEcho } from './echo-message.ts';
import type {
  AskContact,
  AskDenials,
  AskFacts,
  AskFlows,
  AskInterconnectKey,
  AskSessions,
  AskTakeover,
  CarryFlows,
  Clients,
  ClockTold,
  Elsewhere,
  Forget,
  FromNetwork,
  Want,
  Whereabouts,
} from './message.ts';

/** tc(8): the handle of the root is a half of 32 bits, of a class the other. */
const minor: Check = (value) => whole(value) && (value as number) <= 0xffff;

const udpPort: Check = (value) => whole(value) && (value as number) > 0 && (value as number) <= 0xffff;

const netns = one('transport', 'pop');
/** The longest that desired makes: an address with its length has 43 characters, a key 44, an endpoint 47. */
const word = text(64);
/** Not of the mesh, which is this half's own, from node.json; but who is a peer of it stands in the records. */
const link: Check = (value) => word(value) && value !== meshLink;
const accessLink = one(...accessLinks);
/** PATH_MAX (linux/limits.h). */
const path = text(4096);
/** A ruleset has 10 kB, BIRD's text 33 bytes a slab (measured): what a megabyte does not hold is no node's. */
const program = text(4 * 1024 * 1024);
/** A secret sealed to this node: 1 KiB at most (age/frame.ts), in base64. */
const sealed = text(1368);
/** Prefixes of one peer: a tunnel's, a few; a fabric link's, two. */
const mostPrefixes = 4096;

/** Of a node: an interconnect has four (two links, two families), and a mesh of COREs hundreds of interconnects. */
const mostSessions = 4096;
const lifeline: Check = (value) => misfit(lifelineShape, value) === undefined;
const lifelineShape: Shape<Lifeline> = {
  to: one(...purposes),
  sessions: list(word, mostSessions),
};

/** Every field of every kind; one that is not here cannot come in, and the compiler asks for those that are missing. */
const shapes: { readonly [K in Kind]: Shape<Kinds[K]> } = {
  sysctl: { netns, name: text(128), value: word },
  ruleset: { netns, text: program },
  link: {
    name: link,
    netns,
    mtu: whole,
    listenPort: whole,
    fwmark: whole,
    privateKeyFile: path,
    sealedPrivateKey: maybe(sealed),
  },
  wire: { netns, name: link, peer: link, mtu: whole },
  span: { name: link, mtu: whole, own: word, far: word },
  anycast: {
    name: link,
    number: below(2 ** 27),
    others: list(below(2 ** 27), 1024),
    endpoints: list(word, 2),
    ports: list(udpPort, 8),
  },
  shaper: { netns, dev: link, defaultClass: minor, overhead: (value) => Number.isSafeInteger(value) },
  class: {
    netns,
    dev: link,
    minor,
    parent: minor,
    rateBitPerSecond: whole,
    ceilBitPerSecond: whole,
    queue: (value) => typeof value === 'boolean',
  },
  address: { netns, dev: link, cidr: word },
  floating: { family: one(4, 6), address: word, gateway: word },
  rule: { netns, family: one(4, 6), priority: whole, fwmark: maybe(whole), table: whole },
  element: { netns, set: word, element: text(256) },
  peer: {
    link: word,
    publicKey: word,
    allowedIps: list(word, mostPrefixes),
    endpoint: maybe(word),
    keepaliveSeconds: whole,
    sealedPresharedKey: maybe(sealed),
    successorOf: maybe(word),
  },
  route: {
    netns,
    table: whole,
    prefix: word,
    type: one('unicast', 'unreachable', 'blackhole'),
    dev: maybe(link),
    via: maybe(word),
    metric: maybe(whole),
  },
  bird: { netns, text: program, lifelines: list(lifeline, purposes.length), generation: maybe(whole) },
  sync: { link, own: word, far: word },
  pair: {
    link,
    nodeId: word,
    siblingId: word,
    heartbeat: word,
    underlay: word,
    gateway4: maybe(word),
    gateway6: maybe(word),
    ownHeartbeat: word,
    endpoints: list(word, 2),
    ports: list(udpPort, 8),
  },
};

const isKind = (value: unknown): value is Kind => kinds.some((kind) => kind === value);

const wantShape: Shape<Want> = {
  type: one('want'),
  number: whole,
  revision: (value) => typeof value === 'string' && /^\d{1,20}$/.test(value),
  whole: (value) => typeof value === 'boolean',
  put: Array.isArray,
  remove: Array.isArray,
};

const denialsShape: Shape<AskDenials> = {
  type: one('ask-denials'),
  number: whole,
  prefixes: list(word, mostPrefixes),
};

const interconnectKeyShape: Shape<AskInterconnectKey> = {
  type: one('ask-interconnect-key'),
  number: whole,
  // The current one, and one that is not in the records yet.
  keep: list(word, 4),
};
/** What a packet meets (internal/explain), and nothing of links and their keys. */
const factKind = one('ruleset', 'element', 'peer', 'class');
/** Dozens of sets, by few addresses. */
const mostFacts = 4096;

const factsShape: Shape<AskFacts> = {
  type: one('ask-facts'),
  number: whole,
  keys: list((key) => Array.isArray(key) && key.length === 2 && factKind(key[0]) && text(512)(key[1]), mostFacts),
  to: word,
};
const sessionsShape: Shape<AskSessions> = { type: one('ask-sessions'), number: whole };

const clockShape: Shape<ClockTold> = { type: one('clock'), aheadMs: (value) => Number.isSafeInteger(value) };
const takeoverShape: Shape<AskTakeover> = { type: one('ask-takeover'), number: whole };
/** As many as a device holds peers. */
const mostPeers = 65_536;
const whereabouts = list(
  (peer) =>
    Array.isArray(peer) &&
    (peer.length === 4 || (peer.length === 5 && whole(peer[4]))) &&
    word(peer[0]) &&
    word(peer[1]) &&
    whole(peer[2]) &&
    accessLink(peer[3]),
  mostPeers,
);
const whereaboutsShape: Shape<Whereabouts> = { type: one('whereabouts'), peers: whereabouts };
const clientsShape: Shape<Clients> = { type: one('take-clients', 'leave-clients'), peers: whereabouts };
const elsewhereShape: Shape<Elsewhere> = {
  type: one('elsewhere'),
  whole: (value) => typeof value === 'boolean',
  clients: list(
    (client) =>
      Array.isArray(client) &&
      client.length === 3 &&
      word(client[0]) &&
      (client[1] === -1 || below(2 ** 27)(client[1])) &&
      // An hour is longer than a session lives (internal/anycast).
      below(3_601)(client[2]),
    2 * mostPeers,
  ),
};

const contactShape: Shape<AskContact> = { type: one('ask-contact'), number: whole, peers: list(word, mostPeers) };
const forgetShape: Shape<Forget> = {
  type: one('forget'),
  peers: list((peer) => Array.isArray(peer) && peer.length === 2 && word(peer[0]) && whole(peer[1]), mostPeers),
};

const truth: Check = (value) => typeof value === 'boolean';
const flowShape: Shape<Flow> = {
  protocol: one('tcp', 'udp'),
  from: word,
  to: word,
  fromPort: below(2 ** 16),
  toPort: below(2 ** 16),
  state: one('', ...carriedStates),
  secondsLeft: below(2 ** 32),
  answered: truth,
  assured: truth,
  mark: below(2 ** 32),
};
const askFlowsShape: Shape<AskFlows> = { type: one('ask-flows'), number: whole, prefixes: list(word, mostPrefixes) };
const echoShape: Shape<AskEcho> = {
  type: one('ask-echo'),
  number: whole,
  netns,
  address: word,
  from: maybe(word),
};
const carryFlowsShape: Shape<CarryFlows> = {
  type: one('carry-flows'),
  flows: list((flow) => misfit(flowShape, flow) === undefined, mostFlows),
};

const bad = (what: string): never => {
  throw new Fault('invalid', `the network half sent what is no message: ${what}`);
};

/** @throws Fault `invalid` that says which part, and nothing of what stands there */
export function checkMessage(value: unknown): FromNetwork {
  if (!isObject(value)) return checkWant(value);
  switch (value['type']) {
    case 'ask-denials':
      return question<AskDenials>(denialsShape, value);
    case 'ask-interconnect-key':
      return question<AskInterconnectKey>(interconnectKeyShape, value);
    case 'ask-facts':
      return question<AskFacts>(factsShape, value);
    case 'whereabouts':
      return question<Whereabouts>(whereaboutsShape, value);
    case 'ask-takeover':
      return question<AskTakeover>(takeoverShape, value);
    case 'clock':
      return question<ClockTold>(clockShape, value);
    case 'ask-contact':
      return question<AskContact>(contactShape, value);
    case 'forget':
      return question<Forget>(forgetShape, value);
    case 'ask-flows':
      return question<AskFlows>(askFlowsShape, value);
    case 'carry-flows':
      return question<CarryFlows>(carryFlowsShape, value);
    case 'ask-echo':
      return question<AskEcho>(echoShape, value);
    case 'elsewhere':
      return question<Elsewhere>(elsewhereShape, value);
    case 'take-clients':
    case 'leave-clients':
      return question<Clients>(clientsShape, value);
    case 'ask-sessions':
      return question<AskSessions>(sessionsShape, value);
    default:
      return checkWant(value);
  }
}

function question<T>(shape: Shape<T>, value: unknown): T {
  const wrong = misfit(shape, value);
  return wrong === undefined ? (value as T) : bad(wrong);
}

function checkWant(value: unknown): Want {
  const wrong = misfit(wantShape, value);
  if (wrong !== undefined) bad(wrong);
  const want = value as Want;
  for (const item of want.put as readonly unknown[]) {
    if (!Array.isArray(item) || item.length !== 2 || !isKind(item[0])) return bad('an item of no kind');
    const problem = misfit(shapes[item[0]], item[1]);
    if (problem !== undefined) bad(`${item[0]}: ${problem}`);
  }
  for (const item of want.remove as readonly unknown[])
    if (!Array.isArray(item) || item.length !== 2 || !isKind(item[0]) || !text(512)(item[1])) return bad('a removal');
  return want;
}
