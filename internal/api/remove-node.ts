// Remove node: the records by a command, the etcd member by etcd, which knows nothing of our records.

import type { MessageShape } from '@bufbuild/protobuf';
import { removeNode } from '#internal/command/command.ts';
import { messageOf, refuse } from '#internal/errors/errors.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  FabricService,
  type RemoveNodeRequestSchema,
  type RemoveNodeResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { type Call, Refused } from '#internal/rpc/rpc.ts';
import { changing, type ServiceContext } from './service.ts';

export interface Member {
  /** Decimal, as etcd tells it. */
  readonly id: string;
  readonly name: string;
  /** Hosts of its addresses, IPv6 without brackets. */
  readonly hosts: readonly string[];
  /** It counts for the majority. */
  readonly votes: boolean;
}

/** The members of the store's cluster. Everything throws Faults. */
export interface Members {
  list(): Promise<readonly Member[]>;
  /** Whether it answers now, with a majority behind it. */
  answers(member: Member): Promise<boolean>;
  remove(member: Member): Promise<void>;
}

export interface RemoveNodeParts {
  /** Absent: this daemon reaches no store. */
  readonly members?: Members;
}

const isOf = ({ id, meshAddress }: Node, { name, hosts }: Member): boolean =>
  name === id || hosts.includes(meshAddress);

const inUse = (node: Node, problem: string, cure: string): Refused =>
  new Refused(refuse('in-use', { field: 'node', value: node.id, problem, cure }));

/** The node's member; undefined: it has none. @throws Refused `in-use`: those that are left would be no majority */
async function memberToGo(members: Members, node: Node): Promise<Member | undefined> {
  const all = await members.list();
  const own = all.find((member) => isOf(node, member));
  if (own === undefined || !own.votes) return own;
  const others = all.filter((member) => member !== own && member.votes);
  const answering = await Promise.all(others.map((member) => members.answers(member)));
  const living = answering.filter(Boolean).length;
  // Of a cluster of one nothing would be left at all.
  const wanted = Math.max(1, Math.floor(others.length / 2) + 1);
  if (living >= wanted) return own;
  const problem = `holds an etcd member, and of the ${others.length} others ${living} answer, of ${wanted} that are a majority`;
  throw inUse(node, problem, 'start the others, or etcdctl member add, before');
}

/** @throws Refused as the command, and `in-use` (it runs, unless forced; etcd would lose its majority) */
export function removingNode(context: ServiceContext) {
  const { config, head, status, members } = context;
  const decide = changing(context, FabricService.method.removeNode, removeNode);
  return async (
    request: MessageShape<typeof RemoveNodeRequestSchema>,
    call: Pick<Call, 'principal' | 'signal'>,
  ): Promise<MessageShape<typeof RemoveNodeResponseSchema>> => {
    const node = head.snapshot().nodes.get(request.node)?.record;
    // Unknown, or a repeat of a request that was carried out.
    if (node === undefined) return decide(request, call);
    if (node.id === config.nodeId)
      throw inUse(node, 'is the one that was asked', 'ask another node: pop44 --node NODE');
    if (!request.force && status.of(node.id)?.connected === true)
      throw inUse(node, 'is running', 'stop it and switch it off for good before, or --force');
    const member = members === undefined ? undefined : await memberToGo(members, node);
    const answer = await decide(request, call);
    if (member === undefined || members === undefined) return answer;
    const etcdMember = BigInt(member.id).toString(16);
    if (answer.changed?.revision === 0n) return Object.assign(answer, { etcdMember });
    try {
      await members.remove(member);
      return Object.assign(answer, { etcdMember });
    } catch (thrown) {
      // The records are changed: what is left to do is told, not thrown.
      return Object.assign(answer, { etcdMember, etcdProblem: messageOf(thrown) });
    }
  };
}
