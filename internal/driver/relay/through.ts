// Through: what tunnels send by a node that is about to lead goes on by its sibling, which leads still.
//
// A client sends by the node that has called it while replies come by the other one, whose firewall lets in replies to what
// it has seen begin. So it must see it, from the client's answer on until replies come by the node that leads then: by a VXLAN
// link between the two pop namespaces, whose UDP is the transport namespaces'.

import { accessLinks, chokeOut, throughLink, throughNetwork, throughTable } from '#internal/dataplane/ownership.ts';
import { run } from '#internal/exec/exec.ts';
import { type Near, neighbours, numbersOf, type RelayEnds, ruleProtocol, vxlan } from './render.ts';

export interface Paths {
  /** Files of the namespaces. */
  readonly transport: string;
  readonly pop: string;
}

const near: Near = {
  ...{ link: throughLink, network: throughNetwork },
  near4: (number) => `169.254.46.${number}`,
  near6: (number) => `fe80::47:${number}`,
};
/** After the choke's rule (desired/shaping.ts): what is shaped is so here, and comes back from there. */
const rulePriority = 4392;
/** Seconds. The two are neighbours. */
const patience = '1';

const families = [4, 6] as const;
/** All that tunnels send comes in by one of these, whichever there are. */
const rules = [...accessLinks, chokeOut].map(
  (link) => `rule add iif ${link} table ${throughTable} priority ${rulePriority} protocol ${ruleProtocol}`,
);
const batch = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

export interface Through {
  /** The own end. @throws Fault `invalid`, `exec` */
  open(ends: RelayEnds): Promise<void>;
  /** Leads what tunnels send to the sibling, if its end answers; gives whether it does. */
  lead(ends: RelayEnds): Promise<boolean>;
  /** What tunnels send has its own way again. */
  part(): Promise<void>;
  /** And there is no end here any more. */
  close(): Promise<void>;
}

export function openThrough({ transport, pop }: Paths): Through {
  const inPop = (args: readonly string[], lines: readonly string[]) =>
    // 1: some of it is not there.
    run({ file: 'ip', args: [...args, '-batch', '-'], netns: pop, input: batch(lines), accept: [0, 1] });

  async function part(): Promise<void> {
    const gone = rules.map((rule) => rule.replace('rule add', 'rule del'));
    for (const family of families) await inPop([`-${family}`, '-force'], gone);
  }

  async function close(): Promise<void> {
    await part();
    await inPop(['-force'], [`link del dev ${throughLink}`]);
  }

  return {
    open: async (ends) => {
      const link = vxlan(ends, near, pop);
      await close();
      await run({ file: 'ip', args: ['-batch', '-'], netns: transport, input: batch([link]) });
      await run({ file: 'ip', args: ['-batch', '-'], netns: pop, input: batch(neighbours(ends, near)) });
    },
    lead: async (ends) => {
      const [, other] = numbersOf(ends);
      // One that knows nothing of it would have all of it lost.
      const asks = ['-n', '-q', '-c', '1', '-W', patience, '-I', throughLink, near.near4(other)];
      const { exitCode } = await run({ file: 'ping', args: asks, netns: pop, accept: [0, 1, 2] });
      if (exitCode !== 0) return false;
      for (const family of families) {
        const to = family === 4 ? near.near4(other) : near.near6(other);
        const route = `route replace default via ${to} dev ${throughLink} table ${throughTable} protocol ${ruleProtocol}`;
        await run({ file: 'ip', args: [`-${family}`, '-batch', '-'], netns: pop, input: batch([route, ...rules]) });
      }
      return true;
    },
    part,
    close,
  };
}
