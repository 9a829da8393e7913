// Lines: a decision as a person reads it in a dry run.

import { createRegistry, type DescMessage, type JsonValue, toJson } from '@bufbuild/protobuf';
import { file_pop44_store_v1_records } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { personSchemas, type PersonWrite } from '#internal/model/model.ts';
import type { Decision, Write } from '#internal/model/record.ts';

const registry = createRegistry(file_pop44_store_v1_records);

/** What is sealed is told by how many bytes it has: it is for nobody who reads this. */
function withoutSealed(name: string, value: JsonValue): JsonValue {
  if (!name.startsWith('sealed') || typeof value !== 'object' || value === null) return value;
  const bytes = (text: unknown): string => `${Buffer.byteLength(String(text), 'base64')} bytes`;
  return Object.fromEntries(Object.entries(value).map(([id, sealed]) => [id, bytes(sealed)]));
}

/** Of what lets somebody in, not even its hash is told: records of logins, links and tokens have it as their key. */
const secretKinds: ReadonlySet<string> = new Set(['login', 'link', 'token']);
const withoutHash = (name: string, value: JsonValue): JsonValue => (name.endsWith('Hash') ? '(not shown)' : value);

function personLine(write: PersonWrite): string {
  const id = secretKinds.has(write.kind) ? '(not shown)' : write.id;
  if (write.op === 'delete') return `delete ${write.kind}/${id}`;
  const schema: DescMessage = personSchemas[write.kind];
  return `put ${write.kind}/${id} ${JSON.stringify(toJson(schema, write.record), withoutHash)}`;
}

/** The same of what it changes of people: for admins alone. */
export const personLines = ({ people }: Decision): string[] => (people?.writes ?? []).map(personLine);

function line(write: Write): string {
  if (write.op === 'delete') return `delete ${write.kind}/${write.id}`;
  const schema = registry.getMessage(write.record.$typeName);
  if (schema === undefined) throw new TypeError(`${write.record.$typeName} is no record`);
  const json = toJson(schema, write.record, { registry });
  return `put ${write.kind}/${write.id} ${JSON.stringify(json, withoutSealed)}`;
}

/** One line a write, in the decision's order. Records hold no secrets in clear. */
export function decisionLines(decision: Decision): string[] {
  return decision.writes.map(line);
}
