// Walk: one packet through the hooks of the pop namespace, in their order. It mirrors desired/nft-pop.ts line by line:
// whoever changes a chain there changes it here, and the law in testkit/lab/explain.netns.test.ts compares with packets.

import type { Way } from '#internal/dataplane/dataplane.ts';
import { chokeIn, isAccessLink, isFabricLink, routeProtocol } from '#internal/dataplane/ownership.ts';
import { martians, tunnelSet } from '#internal/desired/desired.ts';
import type { IpAddress } from '#internal/netip/netip.ts';
import { firewallStep, unitLengthOf, unitOf } from './firewall-step.ts';
import { isEcho, within } from './packet.ts';
import { receiverStep, senderStep, sessionStep } from './peer-step.ts';
import type { Plane } from './plane.ts';
import type { Scene } from './scene.ts';
import { shapedBy, shaperStep } from './shaper-step.ts';
import { ends, type Step, type Walk, walkOf } from './step.ts';

type Leaves = 'tunnel' | 'fabric' | 'outside' | 'node' | 'nowhere';

/** desired/nft-policy.ts: flowLimit. */
const flowRule = 'a new flow: at most 100 a second from one source, 400 at once (replies to open flows pass)';
/** desired/nft-policy.ts: openingLimit. */
const openingRule = 'a new flow: at most 100 a second from one prefix, 1,000 at once (replies to open flows pass)';

const ownRoutes = String(routeProtocol);

function martian(address: IpAddress, family: 4 | 6, to: string): Step | undefined {
  const found = within(martians[family], address);
  return found && { where: 'martian', verdict: 'dropped', rule: `${found} is no address ${to}`, evidence: '' };
}

/** Undefined in a plan: whatever BGP has learned. */
function leavesBy(way: Way | undefined, { packet, space }: Scene): Leaves {
  if (way === undefined) return within(space, packet.to) === undefined ? 'outside' : 'fabric';
  if (way.type === 'local') return 'node';
  if (way.type !== 'unicast') return 'nowhere';
  if (isAccessLink(way.dev)) return 'tunnel';
  return isFabricLink(way.dev) ? 'fabric' : 'outside';
}

function routeStep(way: Way | undefined, scene: Scene): Step {
  const where = 'route';
  const { elsewhere, packet } = scene;
  if (way === undefined) {
    const rule = elsewhere === undefined ? 'by what BGP has learned' : `to ${elsewhere}, where ${packet.to} lives now`;
    return { where, verdict: 'passes', rule, evidence: '', open: true };
  }
  // BGP's are not planned: what the kernel has is neither as planned nor not.
  const open = way.by !== ownRoutes && way.type !== 'local' ? ({ open: true } as const) : {};
  if (way.type === 'unicast') {
    const next = way.via === '' ? '' : ` via ${way.via}`;
    const evidence = way.by === ownRoutes ? '' : way.by === '12' ? 'of BIRD' : `of routing protocol ${way.by}`;
    return { where, verdict: 'passes', rule: `${way.prefix} dev ${way.dev}${next}`, evidence, ...open };
  }
  if (way.type === 'local') return { where, verdict: 'passes', rule: 'to the node itself', evidence: way.prefix };
  const rule = `no route to ${packet.to}`;
  return { where, verdict: 'rejected', rule, evidence: way.type === 'none' ? '' : way.type, ...open };
}

function sourceStep(plane: Plane, { packet, units, source }: Scene): Step {
  const { from, family } = packet;
  const length = unitLengthOf(plane, from, family, units);
  const where = 'source';
  if (length === undefined) {
    const why = source?.absence?.reason ?? 'a tunnel sends from its own addresses alone';
    return { where, verdict: 'dropped', rule: `${from} is no tunnel's here: ${why}`, evidence: '' };
  }
  const evidence = `${tunnelSet(family, length)} ${unitOf(from, length)}`;
  return { where, verdict: 'passes', rule: `${from} is a tunnel's`, evidence };
}

/** What is for a tunnel: who has the address, its firewall, its rate, its peer. */
function* toTunnel(plane: Plane, scene: Scene): Generator<Step> {
  const { packet, units, target, nobody } = scene;
  const length = unitLengthOf(plane, packet.to, packet.family, units);
  if (length === undefined) {
    const why = target?.absence?.reason ?? nobody;
    const rule = `${packet.to} is no tunnel's here${why === '' ? '' : `: ${why}`}`;
    yield { where: 'tunnel', verdict: 'rejected', rule, evidence: '' };
    return;
  }
  const evidence = `${tunnelSet(packet.family, length)} ${unitOf(packet.to, length)}`;
  yield { where: 'tunnel', verdict: 'passes', rule: `${packet.to} is ${target?.ref ?? 'a tunnel'}'s`, evidence };
  yield { where: 'new flow', verdict: 'limited', rule: flowRule, evidence: '' };
  yield firewallStep(plane, packet, length, target?.policy);
}

function* forwarded(plane: Plane, scene: Scene, leaves: Leaves): Generator<Step> {
  const { packet, enters, space } = scene;
  if (leaves === 'tunnel') {
    yield* toTunnel(plane, scene);
    return;
  }
  if (leaves === 'outside') {
    const found = martian(packet.to, packet.family, 'of the internet');
    if (found !== undefined) {
      yield found;
      return;
    }
  }
  const where = 'forward';
  if (enters === 'tunnel') {
    yield { where, verdict: 'passes', rule: 'everything from tunnels', evidence: '' };
    return;
  }
  const to = leaves === 'fabric' ? within(space, packet.to) : undefined;
  const from = enters === 'fabric' ? within(space, packet.from) : undefined;
  if (to !== undefined) {
    yield { where, verdict: 'passes', rule: 'to our addresses, by the fabric', evidence: to };
    return;
  }
  if (from !== undefined) {
    yield { where, verdict: 'passes', rule: 'from our addresses, by the fabric', evidence: from };
    return;
  }
  yield { where, verdict: 'dropped', rule: 'neither to a tunnel nor between nodes: dropped by default', evidence: '' };
}

function nodeStep({ packet, enters }: Scene): Step {
  const where = 'node';
  if (isEcho(packet)) return { where, verdict: 'passes', rule: 'the node answers pings of its loopback', evidence: '' };
  const from = enters === 'tunnel' ? 'a tunnel' : 'here';
  return { where, verdict: 'dropped', rule: `nothing else of the node is for ${from}`, evidence: '' };
}

function tableStep(plane: Plane, { ruleset }: Scene): Step | undefined {
  const found = plane.get('ruleset', 'pop')?.text;
  const where = 'table';
  if (found === undefined)
    return {
      where,
      verdict: 'passes',
      rule: 'table inet pop44 is missing: nothing is filtered or shaped',
      evidence: '',
    };
  if (found === ruleset) return { where, verdict: 'passes', rule: 'table inet pop44 as planned', evidence: '' };
  return { where, verdict: 'passes', rule: 'table inet pop44 is not as planned: judged as if it were', evidence: '' };
}

function* stepsOf(plane: Plane, scene: Scene): Generator<Step | undefined> {
  const { packet, enters, units } = scene;
  const { way } = plane;
  const fromTunnel = enters === 'tunnel';
  yield tableStep(plane, scene);
  const filtered = plane.get('ruleset', 'pop') !== undefined;
  if (fromTunnel) yield senderStep(plane, scene);
  if (way?.type === 'blackhole') {
    yield { where: 'blackhole', verdict: 'dropped', rule: `${packet.to} is given up`, evidence: way.prefix };
    return;
  }
  const leaves = leavesBy(way, scene);
  const shaped = fromTunnel && filtered && shapedBy(plane, 'up', packet, units) !== undefined;
  // What is not led into the choke has its route before it is judged.
  if (!shaped) yield routeStep(way, scene);
  if (leaves === 'node') {
    if (filtered) yield nodeStep(scene);
    return;
  }
  if (filtered && fromTunnel) {
    yield martian(packet.to, packet.family, 'that tunnels may send to');
    yield sourceStep(plane, scene);
    yield { where: 'flows out', verdict: 'limited', rule: openingRule, evidence: '' };
    yield shaperStep(plane, 'up', { packet, units, dev: chokeIn });
  } else if (filtered && enters === 'outside') yield martian(packet.from, packet.family, 'of the internet');
  if (shaped) yield routeStep(way, scene);
  if (filtered) yield* forwarded(plane, scene, leaves);
  if (leaves !== 'tunnel') return;
  if (filtered) yield shaperStep(plane, 'down', { packet, units, dev: way?.dev ?? '' });
  yield receiverStep(plane, scene);
  yield sessionStep(plane, scene);
}

function whereTo(way: Way | undefined, scene: Scene): string {
  const { packet, target, elsewhere } = scene;
  const dev = way?.dev ? ` by ${way.dev}` : '';
  switch (leavesBy(way, scene)) {
    case 'tunnel':
      return `reaches ${target?.ref ?? packet.to}`;
    case 'node':
      return 'is answered by the node';
    case 'fabric':
      return `goes on to ${elsewhere ?? 'another node'}${dev}`;
    case 'outside':
    case 'nowhere':
      return `goes out${dev}`;
  }
}

/** The steps up to the first that ends the packet. */
export function walk(plane: Plane, scene: Scene): Walk {
  const steps: Step[] = [];
  for (const step of stepsOf(plane, scene)) {
    if (step === undefined) continue;
    steps.push(step);
    if (ends(step)) break;
  }
  return walkOf(steps, whereTo(plane.way, scene));
}
