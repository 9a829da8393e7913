// Node remove: a machine that is gone leaves the network, or makes room for another one in its place.

import type { Command } from 'commander';
import type { RemoveNodeResponse } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import type { Session } from './session.ts';

interface RemoveOptions extends ChangeOptions {
  readonly force?: true;
  readonly keepPlace?: true;
}

/** What is left to do, a line each: of etcd, and with what the machine still knows. */
function leftToDo({ node, etcdMember, etcdProblem }: RemoveNodeResponse): readonly string[] {
  const { id = '', popId = '' } = node ?? {};
  const key = `${id} knows the access key of PoP ${popId}: pop44 pop key rotate ${popId}, unless nobody can read its disk`;
  if (etcdProblem === '') return [...(etcdMember === '' ? [] : [`its etcd member ${etcdMember} is gone`]), key];
  return [`its etcd member is still there: ${etcdProblem}; etcdctl member remove ${etcdMember}`, key];
}

export function removeVerbs(node: Command, session: Session): void {
  withChangeOptions(node.command('remove').argument('<id>'), 'existing')
    .description('take a machine that is gone out: its record, interconnects, upstreams and etcd member')
    .option('--keep-place', 'revoke it, and keep name, addresses, interconnects and upstreams for another machine')
    .option('--force', 'also one that runs, the last of its PoP, or the last way of another one to a CORE')
    .action(async (id: string, options: RemoveOptions) => {
      const { fabric } = await session.client();
      const { force = false, keepPlace = false } = options;
      await change(session, options, {
        send: () => fabric.removeNode({ change: changeOf(options), node: id, force, keepPlace }),
        show: async (answer) => {
          const next = keepPlace ? `, its place kept: pop44 node token create ${id}` : '';
          await session.done(answer, `node ${id} removed${next}`);
          for (const line of leftToDo(answer)) session.say(line);
        },
      });
    });
}
