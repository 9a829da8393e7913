// Render: steps as lines of `ip -batch`, and the checks of every value that goes there.

import type { Address, Route, Rule, Sysctl, Wire } from '#internal/dataplane/dataplane.ts';
import { routeProtocol, ruleProtocol } from '#internal/dataplane/ownership.ts';
import { demand, isInteger, isOurLink, isPrefix } from '#internal/driver/driver.ts';
import type { StepOf } from '#internal/plan/step.ts';

/** Mark of our addresses on lo, which others have addresses on too. */
export const addressMetric = 4400;

const familyOf = (prefix: string): 4 | 6 => (prefix.includes(':') ? 6 : 4);
/** ip-rule(8): 253 default, 254 main, 255 local, which are the machine's own. */
const checkTable = (table: number): void =>
  demand(isInteger(table, 1, 0xffffffff) && (table < 253 || table > 255), 'a routing table of ours', table);
/** ip-rule(8): main. */
const mainPriority = 32766;

function addressArgs({ dev, cidr }: Address): string {
  demand(dev === 'lo' || isOurLink(dev), 'lo or an interface of ours', dev);
  demand(isPrefix(cidr), 'an address with its length', cidr);
  return `${cidr} dev ${dev}${dev === 'lo' ? ` metric ${addressMetric}` : ''}`;
}

/** Duplicate address detection would hold an address of ours back for a second; it is given by us alone. */
const addAddress = (address: Address): string =>
  `address replace ${addressArgs(address)}${address.cidr.includes(':') ? ' nodad' : ''}`;

function ruleArgs({ netns, priority, fwmark, table }: Rule): string {
  demand(isInteger(priority, 1, 0xffffffff), 'a priority', priority);
  if (fwmark !== undefined) demand(isInteger(fwmark, 1, 0xffffffff), 'a packet mark', fwmark);
  // Every packet of the machine's own would leave by our table.
  demand(netns === 'pop' || fwmark !== undefined || priority > mainPriority, 'a priority after main', priority);
  checkTable(table);
  const mark = fwmark === undefined ? '' : ` fwmark 0x${fwmark.toString(16)}`;
  return `priority ${priority}${mark} table ${table} protocol ${ruleProtocol}`;
}

/** Whatever rule of ours has this priority. */
const removeRule = ({ priority }: Rule): string => {
  demand(isInteger(priority, 1, 0xffffffff), 'a priority', priority);
  return `rule del priority ${priority} protocol ${ruleProtocol}`;
};

function routePlace({ table, prefix }: Route): string {
  demand(isPrefix(prefix), 'a prefix', prefix);
  checkTable(table);
  return `${prefix} table ${table} protocol ${routeProtocol}`;
}

function metricArgs({ metric }: Route): string {
  if (metric === undefined) return '';
  demand(isInteger(metric, 1, 0xffffffff), 'a metric', metric);
  return ` metric ${metric}`;
}

function addRoute(route: Route): string {
  const place = `${routePlace(route)}${metricArgs(route)}`;
  if (route.type !== 'unicast') return `route replace ${route.type} ${place}`;
  const dev = route.dev ?? '';
  demand(isOurLink(dev), 'an interface of ours', dev);
  if (route.via === undefined) return `route replace ${place} dev ${dev}`;
  demand(isPrefix(`${route.via}/${route.via.includes(':') ? 128 : 32}`), 'an address', route.via);
  demand(familyOf(route.via) === familyOf(route.prefix), 'a next hop of its own family', route.via);
  return `route replace ${place} via ${route.via} dev ${dev} onlink`;
}

const removeRoute = (route: Route): string => `route del ${routePlace(route)}${metricArgs(route)}`;

/** One or two lines of a batch; they go together: what is added comes first, so that no packet finds a hole. */
export interface Lines {
  readonly family: 4 | 6;
  readonly lines: readonly string[];
}

/**
 * Of both ends of a wire, locally administered (IEEE 802, 8.2.1): the first end takes its own address for any next hop's,
 * as the kernel does where nobody is asked (arp_constructor of net/ipv4/arp.c), and the second one is called by it.
 */
export const wireAddress = '02:44:00:00:00:01';

/** Made if it is not there, then set as wanted; without link-local addresses, which both ends would have alike. */
function addWire({ name, peer, mtu }: Wire, isNew: boolean): readonly string[] {
  demand(isOurLink(name) && isOurLink(peer) && name < peer, 'two interfaces of ours, in order', `${name} ${peer}`);
  demand(isInteger(mtu, 1280, 65535), 'an MTU from 1280 to 65535', mtu);
  const set = (end: string): string =>
    `link set dev ${end} address ${wireAddress} arp off addrgenmode none mtu ${mtu} up`;
  return [...(isNew ? [`link add name ${name} type veth peer name ${peer}`] : []), set(name), set(peer)];
}

function removeWire({ name }: Wire): string {
  demand(isOurLink(name), 'an interface of ours', name);
  return `link del dev ${name}`;
}

/** @throws Fault `invalid` */
export function renderStep(step: StepOf<'wire'> | StepOf<'address'> | StepOf<'rule'> | StepOf<'route'>): Lines {
  switch (step.kind) {
    case 'wire': {
      if (step.op === 'remove') return { family: 4, lines: [removeWire(step.found)] };
      const other = step.op === 'change' && step.found.peer !== step.want.peer;
      const lines = [...(other ? [removeWire(step.found)] : []), ...addWire(step.want, step.op === 'add' || other)];
      return { family: 4, lines };
    }
    case 'address': {
      const address = step.op === 'remove' ? step.found : step.want;
      const line = step.op === 'remove' ? `address del ${addressArgs(address)}` : addAddress(address);
      return { family: familyOf(address.cidr), lines: [line] };
    }
    case 'rule': {
      const rule = step.op === 'remove' ? step.found : step.want;
      const lines = [
        // Two rules of one priority are tried in the order in which they came: the old one goes first here.
        ...(step.op === 'add' ? [] : [removeRule(step.found)]),
        ...(step.op === 'remove' ? [] : [`rule add ${ruleArgs(rule)}`]),
      ];
      return { family: rule.family, lines };
    }
    case 'route': {
      const route = step.op === 'remove' ? step.found : step.want;
      if (step.op === 'remove') return { family: familyOf(route.prefix), lines: [removeRoute(route)] };
      // `replace` knows a route by prefix and metric; one with another metric would stay beside it.
      const foreign = step.op === 'change' && step.found.dev === '(other)' ? [removeRoute(step.found)] : [];
      const outranked = step.op === 'change' && step.found.metric !== step.want.metric ? [removeRoute(step.found)] : [];
      return { family: familyOf(route.prefix), lines: [...foreign, addRoute(route), ...outranked] };
    }
  }
}

/** @throws Fault `invalid` */
export function checkSysctl({ name, value }: Sysctl): void {
  // Only these are the namespace's own; the rest of /proc/sys is the machine's.
  demand(/^net\.[a-z0-9_]+(\.[a-zA-Z0-9_-]+)+$/.test(name), 'a setting of a network namespace', name);
  demand(/^-?[0-9]+( [0-9]+)*$/.test(value) || /^[a-z0-9_]{1,32}$/.test(value), 'a value', value);
}
