// Policy: who may call what. Looked up at every call, so that a node that is removed is out at once.

import type { DescMethod } from '@bufbuild/protobuf';
import type { Refusal } from '#internal/errors/errors.ts';
import { refuse } from '#internal/errors/errors.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { LeaderService } from '#internal/gen/pop44/v1/leader_pb.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Admit, Principal } from '#internal/rpc/rpc.ts';
import { principalName } from '#internal/rpc/rpc.ts';

type Role = 'admin' | 'trusted-node' | 'micro-node';
type Act = 'read' | 'change' | 'mesh';

// A MICRO PoP is a club's: it neither sees nor changes the records of others.
const allowed: { readonly [R in Role]: readonly Act[] } = {
  admin: ['read', 'change'],
  'trusted-node': ['read', 'change', 'mesh'],
  'micro-node': [],
};

// Their requests have no `change`, since no answer of theirs is remembered.
const changesWithoutSaying: ReadonlySet<DescMethod> = new Set<DescMethod>([
  StatusService.method.releaseBrake,
  PoolService.method.checkPools,
]);

function actOf(method: DescMethod): Act {
  if (method.parent === MeshService || method.parent === LeaderService) return 'mesh';
  if (changesWithoutSaying.has(method)) return 'change';
  return method.input.fields.some((field) => field.localName === 'change') ? 'change' : 'read';
}

function roleOf(snapshot: Snapshot, principal: Principal): Role | undefined {
  if (principal.kind === 'admin') return 'admin';
  const node = snapshot.nodes.get(principal.id)?.record;
  const pop = node === undefined ? undefined : snapshot.pops.get(node.popId)?.record;
  if (pop === undefined) return undefined;
  return pop.kind === PopKind.CORE || pop.kind === PopKind.REGIONAL ? 'trusted-node' : 'micro-node';
}

export function admission(snapshot: () => Snapshot): Admit {
  return (principal, method): Refusal | undefined => {
    const role = roleOf(snapshot(), principal);
    const about = { field: '', value: principalName(principal) };
    if (role === undefined) {
      return refuse('forbidden', { ...about, problem: 'is no node of this network', cure: 'pop44 node create' });
    }
    if (allowed[role].includes(actOf(method))) return undefined;
    return refuse('forbidden', {
      ...about,
      problem: `may not call ${method.parent.name}.${method.name}`,
      cure: `${role}: ${allowed[role].join(', ') || 'nothing'}`,
    });
  };
}
