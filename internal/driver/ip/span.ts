// Span: a VXLAN interface whose UDP stays in the transport namespace, from its birth on.

import type { Netns, Span } from '#internal/dataplane/dataplane.ts';
import { linkPrefix, throughLink, vxlanNetwork, vxlanPort } from '#internal/dataplane/ownership.ts';
import { demand, isInteger, isOurLink, isPrefix, type StepFailure } from '#internal/driver/driver.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { StepOf } from '#internal/plan/step.ts';

/** Whoever hears another one was not asked by a neighbour (RFC 5082). */
const farthest = 255;

const isAddress = (address: string): boolean => isPrefix(`${address}/${address.includes(':') ? 128 : 32}`);

/**
 * Arguments of ip(8) in the transport namespace: it makes the interface where it is to stand, and the socket where it is
 * asked. @throws Fault `invalid`
 */
export function spanArgs({ name, mtu, own, far }: Span, popNetns: string): readonly string[] {
  demand(isOurLink(name), 'an interface of ours', name);
  demand(isInteger(mtu, 1280, 65535), 'an MTU from 1280 to 65535', mtu);
  demand(isAddress(own) && isAddress(far), 'two addresses', `${own} ${far}`);
  return [
    ...['link', 'add', 'name', name, 'mtu', String(mtu), 'up', 'netns', popNetns, 'type', 'vxlan'],
    ...['id', String(vxlanNetwork), 'local', own, 'remote', far, 'dstport', String(vxlanPort)],
    ...['ttl', String(farthest), 'nolearning'],
  ];
}

interface IpVxlan {
  readonly ifname?: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly linkinfo?: {
    readonly info_data?: {
      readonly id: number;
      readonly local?: string;
      readonly local6?: string;
      readonly remote?: string;
      readonly remote6?: string;
      readonly port: number;
      readonly ttl?: number;
    };
  };
}

/** Ours in the output of `ip -d -j link show type vxlan`. One that differs elsewhere is reported with MTU 0, which nobody wants. */
export function parseSpans(json: string): readonly Span[] {
  const links = JSON.parse(json === '' ? '[]' : json) as readonly IpVxlan[];
  return links.flatMap(({ ifname, mtu, flags, linkinfo }) => {
    // One stands for a while only, and is no kind of the plan.
    if (ifname?.startsWith(linkPrefix) !== true || ifname === throughLink) return [];
    const of = linkinfo?.info_data;
    const right = flags.includes('UP') && of?.id === vxlanNetwork && of.port === vxlanPort && of.ttl === farthest;
    const [own, far] = [of?.local ?? of?.local6 ?? '', of?.remote ?? of?.remote6 ?? ''];
    return [{ name: ifname, mtu: right ? mtu : 0, own, far }];
  });
}

/** What ip(8) says when there is nothing to remove any more. */
const gone = /Cannot find device/;

export async function applySpan(
  paths: Readonly<Record<Netns, string>>,
  step: StepOf<'span'>,
): Promise<readonly StepFailure[]> {
  try {
    if (step.op !== 'add') {
      demand(isOurLink(step.found.name), 'an interface of ours', step.found.name);
      const args = ['link', 'del', 'dev', step.found.name];
      const { exitCode, stderr } = await run({ file: 'ip', args, netns: paths.pop, accept: [0, 1] });
      if (exitCode !== 0 && !gone.test(stderr)) return [{ step, message: stderr.trim() }];
    }
    if (step.op !== 'remove') await run({ file: 'ip', args: spanArgs(step.want, paths.pop), netns: paths.transport });
    return [];
  } catch (error) {
    return [{ step, message: messageOf(error) }];
  }
}
