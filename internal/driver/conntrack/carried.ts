// Carried: flows as conntrack(8) prints them, and as it reads them again on another node. Not in its own "save" form,
// which leaves the mark out.

import { carriedStates, type Flow } from '#internal/dataplane/dataplane.ts';
import { demand, isInteger, isPrefix } from '#internal/driver/driver.ts';

const line =
  /^(tcp|udp) +\d+ (\d+) (?:([A-Z_0-9]+) )?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) (\[UNREPLIED\] )?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) (\[ASSURED\] )?(?:mark=(\d+) )?/;

const isCarried = (state: string): boolean => carriedStates.some((each) => each === state);

/** What `conntrack -L` prints, without what ends by itself, is translated, or is neither TCP nor UDP. O(lines). */
export function flowsIn(text: string): readonly Flow[] {
  return text.split('\n').flatMap((printed): readonly Flow[] => {
    const found = line.exec(printed);
    if (found === null) return [];
    const [, protocol, left, state = '', from = '', to = '', fromPort, toPort, unreplied] = found;
    const [backFrom, backTo, backFromPort, backToPort, assured, mark] = found.slice(9);
    const mirrored = backFrom === to && backTo === from && backFromPort === toPort && backToPort === fromPort;
    if (!mirrored || (protocol === 'tcp' && !isCarried(state))) return [];
    return [
      {
        ...{ protocol: protocol === 'tcp' ? 'tcp' : 'udp', from, to, state },
        ...{ fromPort: Number(fromPort), toPort: Number(toPort), secondsLeft: Number(left) },
        ...{ answered: unreplied === undefined, assured: assured !== undefined, mark: Number(mark ?? 0) },
      },
    ];
  });
}

const isAddress = (text: string): boolean => isPrefix(`${text}/${text.includes(':') ? 128 : 32}`);
/** The longest that a node of ours keeps one (desired/ip.ts, nf_conntrack_tcp_timeout_established). */
const longestSeconds = 7_440;

/** A line of `conntrack -R`. @throws Fault `invalid` */
export function flowLine(flow: Flow): string {
  const { protocol, from, to, fromPort, toPort, state, secondsLeft, answered, assured, mark } = flow;
  demand(isAddress(from) && isAddress(to) && from.includes(':') === to.includes(':'), 'two addresses', [from, to]);
  demand(isInteger(fromPort, 0, 65535) && isInteger(toPort, 0, 65535), 'two ports', [fromPort, toPort]);
  demand(protocol === 'tcp' ? isCarried(state) : protocol === 'udp' && state === '', 'a state', [protocol, state]);
  demand(isInteger(secondsLeft, 0, 0xffffffff) && isInteger(mark, 0, 0xffffffff), 'whole numbers', [secondsLeft, mark]);
  const status = [...(answered ? ['SEEN_REPLY'] : []), ...(assured ? ['ASSURED'] : [])].join(',') || 'UNSET';
  const left = Math.min(Math.max(secondsLeft, 1), longestSeconds);
  const ends = `-s ${from} -d ${to} -r ${to} -q ${from}`;
  const ports = `--sport ${fromPort} --dport ${toPort} --reply-port-src ${toPort} --reply-port-dst ${fromPort}`;
  return `-A -t ${left} -u ${status} ${ends} -p ${protocol} ${ports}${state === '' ? '' : ` --state ${state}`} -m ${mark}`;
}

/** Seconds from a flow's last packet until it is forgotten: desired/ip.ts, and the kernel's own (nf_conntrack_proto_tcp.c, _udp.c). */
const lives: ReadonlyMap<string, number> = new Map([
  ['ESTABLISHED', longestSeconds],
  ['FIN_WAIT', 120],
  ['CLOSE_WAIT', 60],
]);
const lifeOf = ({ state, assured }: Flow): number => lives.get(state) ?? (assured ? 120 : 30);

/** How long ago its last packet passed. */
export const idleSeconds = (flow: Flow): number => lifeOf(flow) - flow.secondsLeft;
