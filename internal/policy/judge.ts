// Judge: one cell of the table, and for what is one's own whose the named thing is.

import type { DescMethod, Message } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { type Principal, principalName } from '#internal/rpc/rpc.ts';
import type { Actor } from './actor.ts';
import type { Owned, World } from './relations.ts';
import { columns, type Row, rowOf } from './table.ts';

function forbidden(principal: Principal, method: DescMethod, cure: string): Refusal {
  const problem = `may not call ${method.parent.name}.${method.name}`;
  return refuse('forbidden', { value: principalName(principal), problem, cure });
}

/** Roles that may, or may where it is their own. */
function forWhom(row: Row | undefined): string {
  const roles = columns.filter((_, at) => (row?.cells[at] ?? '-') !== '-');
  return roles.length === 0 ? 'nobody may' : `for ${roles.join(', ')}`;
}

const isOwn = (actor: Actor, { owner, popIds }: Owned): boolean =>
  (owner !== '' && owner === actor.owner) ||
  (actor.role === 'regional-admin' && popIds.some((popId) => actor.popIds.includes(popId)));

/** Why the actor may not; undefined: it may. Without a request: whether it may for anything at all. O(1). */
export function judge(
  world: World,
  actor: Actor,
  {
    principal,
    method,
    request,
  }: { readonly principal: Principal; readonly method: DescMethod; readonly request?: Message | undefined },
): Refusal | undefined {
  const row = rowOf(method);
  const cell = row?.cells[columns.indexOf(actor.role)] ?? '-';
  if (row === undefined || cell === '-' || (cell === 'c' && !actor.certified)) {
    const cure = actor.role === 'anonymous' ? 'pop44 login' : forWhom(row);
    return actor.role === 'anonymous'
      ? refuse('unauthenticated', { problem: `${method.parent.name}.${method.name} is not for everybody`, cure })
      : forbidden(principal, method, cure);
  }
  if (actor.scopes !== undefined && row.scope !== 'any' && !actor.scopes.includes(row.scope)) {
    const cure = row.scope === 'account' ? 'a login' : `a token with the scope ${row.scope}`;
    return forbidden(principal, method, cure);
  }
  if (cell !== 'o' || request === undefined || row.relation === undefined) return undefined;
  const named = row.relation(world, request as unknown as Readonly<Record<string, unknown>>, actor.owner);
  if (named === undefined || isOwn(actor, named)) return undefined;
  if (named.hidden !== undefined) return named.hidden;
  const whose = actor.role === 'regional-admin' ? 'of your PoPs or your own' : 'your own';
  return refuse('not-owner', {
    value: named.owner || named.popIds.join(' '),
    problem: `is not ${whose}`,
    cure:
      actor.role === 'regional-admin'
        ? `name one of ${actor.popIds.join(', ')}`
        : `leave it out, or say ${actor.owner}`,
  });
}

const idSyntax = /^[0-9a-f]{12}$/;

/**
 * Puts a request as a user means it: names of tunnels are those of its own, lists are of what it owns. By the words alone,
 * so that a repeat under the same request id is the same request.
 */
export function narrowed(actor: Actor, method: DescMethod, request: Message): void {
  if (actor.role !== 'user' && !(actor.role === 'regional-admin' && method.name === 'ListAllocations')) return;
  const fields = request as unknown as Record<string, unknown>;
  const { tunnel } = fields;
  if (
    actor.role === 'user' &&
    typeof tunnel === 'string' &&
    tunnel !== '' &&
    !tunnel.includes('/') &&
    !idSyntax.test(tunnel)
  )
    fields['tunnel'] = `${actor.owner}/${tunnel}`;
  if (
    (method.name === 'ListTunnels' || method.name === 'ListDeletedTunnels' || method.name === 'ListAllocations') &&
    fields['owner'] === ''
  )
    fields['owner'] = actor.owner;
}

/** Which tunnels a list shows: of a user its own, of a regional admin those at home in its PoPs besides. */
export function sees(actor: Actor): (tunnel: Parameters<Snapshot['tunnels']['set']>[1]['record']) => boolean {
  if (actor.role !== 'user' && actor.role !== 'regional-admin') return () => true;
  return ({ owner, placement }) => isOwn(actor, { owner, popIds: placement?.popIds.slice(0, 1) ?? [] });
}
