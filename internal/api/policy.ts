// Policy: who may call what. Looked up at every call, so that a node that is removed is out at once.

import type { DescMethod } from '@bufbuild/protobuf';
import type { Clock } from '#internal/clock/clock.ts';
import type { Refusal } from '#internal/errors/errors.ts';
import { refuse } from '#internal/errors/errors.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { LeaderService } from '#internal/gen/pop44/v1/leader_pb.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import { subjectOf } from '#internal/identity/identity.ts';
import type { Admit, Principal } from '#internal/rpc/rpc.ts';
import { principalName } from '#internal/rpc/rpc.ts';

type Role = 'admin' | 'core-node' | 'regional-node' | 'micro-node';
type Act = 'read' | 'change' | 'mesh' | 'order' | 'renew' | 'rotate';

// A node changes nothing by a call of its own, so that one that was broken into is no admin at other daemons: what people ask
// for comes as a person's (service.ts), and of a node there are its certificate and its own key. A MICRO PoP is a club's: it
// neither sees nor changes the records of others. An admin's order to a node comes by way of a CORE alone: a REGIONAL that was
// broken into must not move the PoPs of others.
const allowed: { readonly [R in Role]: readonly Act[] } = {
  admin: ['read', 'change', 'rotate'],
  'core-node': ['read', 'mesh', 'order', 'renew', 'rotate'],
  'regional-node': ['read', 'mesh', 'renew', 'rotate'],
  'micro-node': ['renew'],
};

// Their requests have no `change` of their own: no answer of theirs is remembered, or those of their parts are. And what is an
// admin's alone.
const changesWithoutSaying: ReadonlySet<DescMethod> = new Set<DescMethod>([
  StatusService.method.releaseBrake,
  PoolService.method.checkPools,
  FabricService.method.takeOver,
  AllocationService.method.allocateMany,
  TrustService.method.renewAdminCertificate,
]);

function actOf(method: DescMethod): Act {
  if (method === TrustService.method.renewCertificate) return 'renew';
  // Of which node, and which step of it, its command looks at.
  if (method === FabricService.method.rotateInterconnectKey) return 'rotate';
  if (method === MeshService.method.orderTakeover) return 'order';
  if (method.parent === MeshService || method.parent === LeaderService) return 'mesh';
  if (changesWithoutSaying.has(method)) return 'change';
  return method.input.fields.some((field) => field.localName === 'change') ? 'change' : 'read';
}

function roleOf(snapshot: Snapshot, principal: Principal): Role | undefined {
  if (principal.kind === 'admin') return 'admin';
  const node = snapshot.nodes.get(principal.id)?.record;
  const pop = node === undefined ? undefined : snapshot.pops.get(node.popId)?.record;
  if (pop === undefined) return undefined;
  if (pop.kind === PopKind.CORE) return 'core-node';
  return pop.kind === PopKind.REGIONAL ? 'regional-node' : 'micro-node';
}

const retiredNames = new WeakMap<Snapshot['authorities'], ReadonlySet<string>>();

/** Whether the CA of that name was retired: a connection that it let in stands for months. No two have one name. */
function ofRetired({ authorities }: Snapshot, issuer: string): boolean {
  if (authorities.size === 0) return false;
  const known = retiredNames.get(authorities) ?? retiredOf(authorities);
  retiredNames.set(authorities, known);
  return known.has(issuer);
}

function retiredOf(authorities: Snapshot['authorities']): ReadonlySet<string> {
  const retired = [...authorities.values()].filter(({ record }) => record.retiredAt !== undefined);
  return new Set(retired.flatMap(({ record }) => subjectOf(record.certificate) ?? []));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Why a certificate that TLS has let through is not honoured, or undefined. */
function unhonoured(snapshot: Snapshot, principal: Principal, nowMs: number): Refusal | undefined {
  const { kind, id, certificate } = principal;
  const value = principalName(principal);
  if (certificate !== undefined && certificate.endsMs < nowMs) {
    const ended = new Date(certificate.endsMs).toISOString();
    return refuse('expired', { value, problem: `called with a certificate that ended at ${ended}`, cure: 'a new one' });
  }
  if (certificate !== undefined && ofRetired(snapshot, certificate.issuer)) {
    const cure = 'a certificate of the CA that signs: pop44 ca list';
    return refuse('revoked', { value, problem: 'called with a certificate of a CA that was retired', cure });
  }
  if (kind === 'admin') return undefined;
  const node = snapshot.nodes.get(id)?.record;
  if (node !== undefined && !inForce(node)) {
    return refuse('revoked', { value, problem: 'was revoked', cure: `pop44 node token create ${id}, and join again` });
  }
  const given = snapshot.certificates.get(id)?.record;
  if (given === undefined || certificate === undefined) return undefined;
  if (hex(given.publicKeyHash) === certificate.publicKeyHash) return undefined;
  return refuse('unauthenticated', {
    value,
    problem: 'called with another key than it was given a certificate for',
    cure: 'the certificate of the machine that joined last under this name',
  });
}

export function admission(snapshot: () => Snapshot, clock: Pick<Clock, 'wall'>): Admit {
  return (principal, method): Refusal | undefined => {
    const now = snapshot();
    const refusal = unhonoured(now, principal, clock.wall().getTime());
    if (refusal !== undefined) return refusal;
    const role = roleOf(now, principal);
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
