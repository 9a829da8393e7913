// Diagnosis of records: what stands in the records of a network and is not as it should be. Pure.

import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Check, fail, idOf, warn } from './finding.ts';
import { percent, timeText } from './layout.ts';

const nearlyFull = 0.9;
const perMille = 1_000;
/** A drain is for the hours of some work on a node. */
const longDrainMs = 24 * 3_600_000;
/** A mail is tried again after seconds, then after minutes (internal/mail). */
const lateMailMs = 600_000;

export const recordChecks: readonly Check[] = [
  {
    name: 'mtu',
    good: ({ largestTunnelMtu }) => `every interconnect carries packets of ${largestTunnelMtu} bytes whole`,
    look: ({ interconnects, largestTunnelMtu }) =>
      interconnects
        .filter(({ mtu }) => mtu < largestTunnelMtu)
        .map(({ id, mtu }) =>
          warn(
            `${id} carries ${mtu} bytes and tunnels send up to ${largestTunnelMtu}: large packets are cut or lost there`,
            `make ${id} anew with --mtu ${largestTunnelMtu}, or pop44 tunnel update --mtu ${mtu}`,
          ),
        ),
  },
  {
    name: 'anycast',
    good: ({ groups }) => (groups.length === 0 ? 'there is no group' : 'every node can open the key of its group'),
    look: ({ groups }) =>
      groups
        .filter(({ withoutKey }) => withoutKey.length > 0)
        .map(({ group, withoutKey }) =>
          fail(
            `${withoutKey.join(', ')} cannot open the key of group ${group?.id ?? ''}: no tunnels there`,
            `pop44 pop key reseal ${group?.founderPopId ?? ''} --identity FILE`,
          ),
        ),
  },
  {
    name: 'drains',
    good: () => 'no node is out of use for long',
    look: ({ mesh, nowMs }) =>
      mesh.nodes.flatMap((node) => {
        const drain = node.state?.node?.drain;
        if (drain?.at === undefined || nowMs - timestampMs(drain.at) < longDrainMs) return [];
        const why = drain.reason === '' ? '' : ` (${drain.reason})`;
        return [
          warn(
            `${idOf(node)} is drained since ${timeText(drain.at)} by ${drain.by}${why}`,
            `pop44 node undrain ${idOf(node)}`,
          ),
        ];
      }),
  },
  {
    name: 'rotations',
    good: () => 'none waits for a node',
    look: ({ mesh }) =>
      mesh.nodes.flatMap((node) => {
        const waits = node.state?.rotation ?? '';
        if (waits === '') return [];
        const cure = `mend what it waits for, or pop44 node rotate-interconnect-key ${idOf(node)} --cancel`;
        return [warn(`the interconnect key of ${idOf(node)}: ${waits}`, cure)];
      }),
  },
  {
    name: 'pools',
    good: () => `none is more than ${percent(nearlyFull)} % used`,
    look: ({ pools }) =>
      pools.flatMap(({ prefix, space, drainToPoolId }) => {
        if (space === undefined || drainToPoolId !== '' || space.utilisation <= nearlyFull) return [];
        const rounded = Math.round(space.utilisation * perMille) / (perMille / 100);
        return [warn(`${prefix} is ${rounded} % used`, `pop44 pool grow ${prefix}, or another pool`)];
      }),
  },
  {
    name: 'mails',
    good: ({ mails }) =>
      mails === undefined ? 'not looked at: for admins of the whole network' : 'none waits for long',
    look: ({ mails = [], nowMs }) => {
      const late = mails.filter(({ createdAt }) => createdAt && nowMs - timestampMs(createdAt) > lateMailMs);
      const [first] = late;
      if (first?.createdAt === undefined) return [];
      const why = first.problem === '' ? '' : `: ${first.problem}`;
      const what = late.length === 1 ? '1 mail waits' : `${late.length} mails wait`;
      return [warn(`${what}, one since ${timeText(first.createdAt)}${why}`, 'pop44 admin mails; mail in node.json')];
    },
  },
  {
    name: 'records',
    good: () => 'all can be read',
    look: ({ status }) =>
      status.quarantinedKeys.map((key) =>
        warn(`${key} cannot be read, and counts for nothing`, 'pop44 pool check, or write it anew'),
      ),
  },
];
