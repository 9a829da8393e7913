// Policy: whether a call may be made: the certificate or login that it came with is honoured, and the table lets its role do
// that. Looked up at every call, so that a node that is revoked and a user who is suspended are out at once.

import type { DescMethod, Message } from '@bufbuild/protobuf';
import type { Clock } from '#internal/clock/clock.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { subjectOf } from '#internal/identity/identity.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import type { People } from '#internal/people/people.ts';
import { type Actor, actorOf, judge, narrowed } from '#internal/policy/policy.ts';
import type { Admit, Principal } from '#internal/rpc/rpc.ts';
import { principalName } from '#internal/rpc/rpc.ts';

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
  if (certificate !== undefined && certificate.endsMs < nowMs) {
    const value = principalName(principal);
    const ended = new Date(certificate.endsMs).toISOString();
    return refuse('expired', { value, problem: `called with a certificate that ended at ${ended}`, cure: 'a new one' });
  }
  if (certificate !== undefined && ofRetired(snapshot, certificate.issuer)) {
    const cure = 'a certificate of the CA that signs: pop44 ca list';
    const value = principalName(principal);
    return refuse('revoked', { value, problem: 'called with a certificate of a CA that was retired', cure });
  }
  if (kind !== 'node') return undefined;
  const value = principalName(principal);
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

export interface Gatekeeper {
  readonly admit: Admit;
  /** As admit, on the snapshot that a decision is made on: what the door saw may be older. */
  on(snapshot: Snapshot, principal: Principal, method: DescMethod, request: Message): Refusal | undefined;
  /** What the principal is; of one that is refused, the refusal. */
  actor(principal: Principal): Actor | Refusal;
  narrow(principal: Principal, method: DescMethod, request: Message): void;
}

/** @param people undefined: accounts cannot be read here */
export function gatekeeper(
  snapshot: () => Snapshot,
  people: () => People | undefined,
  clock: Pick<Clock, 'wall'>,
): Gatekeeper {
  function asked(
    fabric: Snapshot,
    principal: Principal,
    method: DescMethod,
    request: Message | undefined,
  ): Refusal | undefined {
    const nowMs = clock.wall().getTime();
    const refusal = unhonoured(fabric, principal, nowMs);
    if (refusal !== undefined) return refusal;
    const known = people();
    const actor = actorOf(fabric, known, principal, nowMs);
    if (isRefusal(actor)) return actor;
    return judge({ fabric, people: known }, actor, { principal, method, request });
  }
  const actor = (principal: Principal): Actor | Refusal =>
    actorOf(snapshot(), people(), principal, clock.wall().getTime());
  return {
    admit: (principal, method, request) => asked(snapshot(), principal, method, request),
    on: asked,
    actor,
    narrow(principal, method, request) {
      if (principal.kind !== 'user') return;
      const found = actor(principal);
      if (!isRefusal(found)) narrowed(found, method, request);
    },
  };
}
