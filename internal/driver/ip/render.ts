// Render: steps as lines of `ip -batch`, and the checks of every value that goes there.

import type { Address, Route, Rule, Sysctl } from '#internal/dataplane/dataplane.ts';
import { routeProtocol, ruleProtocol } from '#internal/dataplane/ownership.ts';
import { demand, isInteger, isOurLink, isPrefix } from '#internal/driver/driver.ts';
import type { StepOf } from '#internal/plan/step.ts';

/** Mark of our addresses on lo, which others have addresses on too. */
export const addressMetric = 4400;

const checkTable = (table: number): void => demand(isInteger(table, 1, 0xffffffff), 'a routing table', table);

function addressArgs({ dev, cidr }: Address): string {
  demand(dev === 'lo' || isOurLink(dev), 'lo or an interface of ours', dev);
  demand(isPrefix(cidr), 'an address with its length', cidr);
  return `${cidr} dev ${dev}${dev === 'lo' ? ` metric ${addressMetric}` : ''}`;
}

/** Duplicate address detection would hold an address of ours back for a second; it is given by us alone. */
const addAddress = (address: Address): string =>
  `address replace ${addressArgs(address)}${address.cidr.includes(':') ? ' nodad' : ''}`;

function ruleArgs({ priority, fwmark, table }: Rule): string {
  demand(isInteger(priority, 1, 0xffffffff), 'a priority', priority);
  if (fwmark !== undefined) demand(isInteger(fwmark, 1, 0xffffffff), 'a packet mark', fwmark);
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

function addRoute(route: Route): string {
  const place = routePlace(route);
  if (route.type === 'unreachable') return `route replace unreachable ${place}`;
  const dev = route.dev ?? '';
  demand(isOurLink(dev), 'an interface of ours', dev);
  return `route replace ${place} dev ${dev}`;
}

const removeRoute = (route: Route): string => `route del ${routePlace(route)}`;

/** One or two lines of a batch; they go together: what is added comes first, so that no packet finds a hole. */
export interface Lines {
  readonly family: 4 | 6;
  readonly lines: readonly string[];
}

const familyOf = (prefix: string): 4 | 6 => (prefix.includes(':') ? 6 : 4);

/** @throws Fault `invalid` */
export function renderStep(step: StepOf<'address'> | StepOf<'rule'> | StepOf<'route'>): Lines {
  switch (step.kind) {
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
      return { family: familyOf(route.prefix), lines: [...foreign, addRoute(route)] };
    }
  }
}

/** @throws Fault `invalid` */
export function checkSysctl({ name, value }: Sysctl): void {
  // Only these are the namespace's own; the rest of /proc/sys is the machine's.
  demand(/^net\.[a-z0-9_]+(\.[a-zA-Z0-9_-]+)+$/.test(name), 'a setting of a network namespace', name);
  demand(/^-?[0-9]+( [0-9]+)*$/.test(value) || /^[a-z0-9_]{1,32}$/.test(value), 'a value', value);
}
