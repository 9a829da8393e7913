// PoPs: a location and the endpoint that its clients send to.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { PopKind, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreatePopRequest,
  type CreatePopResponse,
  CreatePopResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { hostPrefix } from '#internal/netip/netip.ts';
import { alone, type CommandContext, type Decided, notReady, unchanged } from './context.ts';
import { endpointModeField } from './endpoint-mode.ts';
import { exists, Form, idField, keyField, optionalAddressField, textField } from './fields.ts';
import { openPortField } from './ports.ts';
import { keyOfAnother } from './pop-access-key.ts';
import { singleHomedField } from './regional.ts';
import { hasKeys } from './sealed.ts';
import { fabricSpace, insidePool, taken } from './space.ts';

const kinds: ReadonlySet<number> = new Set([PopKind.CORE, PopKind.REGIONAL, PopKind.MICRO]);

/** Refuses `required`, `invalid`, `already-exists` (id, endpoint), `duplicate-key`, `overlap` (endpoint in a pool). */
export function createPop(
  snapshot: Snapshot,
  request: CreatePopRequest,
  _context: CommandContext,
): Refusal | Decided<CreatePopResponse> {
  const pop = clone(PopSchema, request.pop ?? create(PopSchema));
  const form = new Form();
  form.check(notReady(snapshot));
  form.check(idField('pop.id', pop.id));
  form.check(kindField(pop.kind));
  form.check(textField('pop.description', pop.description, 200));
  const endpoint4 = form.take(optionalAddressField('pop.endpoint4', pop.endpoint4, 4));
  const endpoint6 = form.take(optionalAddressField('pop.endpoint6', pop.endpoint6, 6));
  form.check(openPortField('pop.endpoint_port', pop.endpointPort));
  const key = form.take(keyField('pop.public_key', pop.publicKey));
  form.check(textField('pop.failure_domain', pop.failureDomain, 64));
  form.check(singleHomedField(pop));
  if (hasKeys(pop.sealedAccessKey)) {
    const cure = 'create its nodes first, then pop44 pop key create';
    form.check(
      refuse('invalid', { field: 'pop.sealed_access_key', problem: 'is sealed to nobody that is known', cure }),
    );
  }
  if (form.refusal !== undefined) return form.refusal;
  if (snapshot.pops.has(pop.id)) return exists('pop.id', pop.id, 'exists already', 'another id');
  if (endpoint4 === '' && endpoint6 === '') {
    return refuse('required', {
      field: 'pop.endpoint4',
      problem: 'and pop.endpoint6 are both missing',
      cure: 'clients need at least one address to send to',
    });
  }
  const held = fabricSpace(snapshot);
  for (const [field, address] of [
    ['pop.endpoint4', endpoint4],
    ['pop.endpoint6', endpoint6],
  ] as const) {
    if (address === '') continue;
    const prefix = hostPrefix(address);
    const clash = taken(held, field, prefix, address) ?? insidePool(snapshot, field, prefix, address);
    if (clash !== undefined) return clash;
  }
  const gateways = endpointModeField(snapshot, 'pop.', { ...pop, endpoint4, endpoint6 });
  if (isRefusal(gateways)) return gateways;
  const other = keyOfAnother(snapshot, undefined, key);
  if (other !== undefined) {
    const cure = 'a key pair of its own for each PoP';
    return refuse('duplicate-key', { field: 'pop.public_key', value: key, problem: `is the key of ${other}`, cure });
  }
  if (pop.nextAccessKey !== undefined || pop.accessKeyGeneration !== 0) {
    const cure = `create it, then pop44 pop key rotate ${pop.id}`;
    return refuse('invalid', { field: 'pop.next_access_key', problem: 'is of a PoP that is there', cure });
  }
  const { compares, writes } = alone(snapshot);
  const record = Object.assign(pop, { endpoint4, endpoint6, ...gateways });
  return {
    decision: {
      compares: [...compares, unchanged('pop', pop.id, undefined)],
      writes: [...writes, { op: 'put', kind: 'pop', id: pop.id, record }],
    },
    response: create(CreatePopResponseSchema, { pop: record }),
  };
}

function kindField(kind: number): Refusal | undefined {
  if (kinds.has(kind)) return undefined;
  const unset = kind === PopKind.UNSPECIFIED;
  return refuse(unset ? 'required' : 'invalid', {
    field: 'pop.kind',
    value: unset ? '' : String(kind),
    problem: unset ? 'is missing' : 'is no kind of PoP',
    cure: 'core, regional or micro',
  });
}
