// Way: how the kernel leads a packet, asked of the kernel itself.

import type { Way } from '#internal/dataplane/dataplane.ts';
import { demand, isPrefix } from '#internal/driver/driver.ts';
import { Fault } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';

interface Match {
  readonly type?: string;
  readonly dst?: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly via?: { readonly host: string };
  readonly protocol?: string;
  readonly nexthops?: readonly Match[];
}

/** RTN_LOCAL, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT (linux/rtnetlink.h); everything else is led on. */
const types: ReadonlyMap<string, Way['type']> = new Map([
  ['2', 'local'],
  ['6', 'blackhole'],
  ['7', 'unreachable'],
  ['8', 'unreachable'],
]);

// How a lookup fails (rt_fib_props of the kernel, by errno): EINVAL, EHOSTUNREACH, EACCES, ENETUNREACH.
const failures: readonly (readonly [string, Way['type']])[] = [
  ['Invalid argument', 'blackhole'],
  ['No route to host', 'unreachable'],
  ['Permission denied', 'unreachable'],
  ['Network is unreachable', 'none'],
];

/**
 * One lookup, by the rules that hold for a packet without a mark. A rule by interface would not be seen: there is none of
 * ours. Of equal paths the first is told.
 */
export async function wayOf(netns: string, address: string): Promise<Way> {
  const host = `${address}/${address.includes(':') ? 128 : 32}`;
  demand(isPrefix(host), 'an address', address);
  const family = address.includes(':') ? '-6' : '-4';
  const args = [family, '-N', '-j', '-d', 'route', 'get', 'fibmatch', address];
  const { stdout, stderr, exitCode } = await run({ file: 'ip', args, netns, accept: [0, 2] });
  return wayIn(exitCode === 0 ? stdout : '', stderr, host);
}

/** Out of what ip(8) printed. */
export function wayIn(stdout: string, stderr: string, host: string): Way {
  if (stdout === '') {
    const failure = failures.find(([text]) => stderr.includes(text));
    if (failure === undefined) throw new Fault('protocol', `ip route get ${host}: ${stderr.trim()}`);
    return { type: failure[1], prefix: host, dev: '', via: '', by: '' };
  }
  const [match] = JSON.parse(stdout) as readonly Match[];
  if (match === undefined) return { type: 'none', prefix: host, dev: '', via: '', by: '' };
  const hop = match.nexthops?.[0] ?? match;
  return {
    type: types.get(match.type ?? '') ?? 'unicast',
    prefix: prefixOf(match.dst ?? host, host),
    dev: hop.dev ?? '',
    via: hop.gateway ?? hop.via?.host ?? '',
    by: match.protocol ?? '',
  };
}

/** ip(8) leaves the length of a single address away, and calls the whole family by a word. */
function prefixOf(dst: string, host: string): string {
  const six = host.includes(':');
  if (dst === 'default') return six ? '::/0' : '0.0.0.0/0';
  return dst.includes('/') ? dst : `${dst}/${six ? 128 : 32}`;
}
