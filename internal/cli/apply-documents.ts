// Apply documents: YAML or JSON as wanted resources. Everything is read, and what is wrong is said, before anything is sent.

import { fromJson, type JsonObject, type Message } from '@bufbuild/protobuf';
import { parseAllDocuments } from 'yaml';
import { messageOf } from '#internal/errors/errors.ts';
import type { Resource } from './apply-resource.ts';
import { type ResourceName, resources } from './apply-resources.ts';
import { UsageError } from './io.ts';

export interface Wanted {
  readonly name: ResourceName;
  readonly resource: Resource<Message>;
  readonly item: Message;
  /** Fields that the document has. */
  readonly given: ReadonlySet<string>;
  /** `tunnel ada/shack`. */
  readonly title: string;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const names = Object.keys(resources);
/** A PoP that is to join a group needs the group, which needs its founder. */
const rank = ({ name, given }: Pick<Wanted, 'name' | 'given'>): number =>
  given.has('anycastGroupId') ? names.indexOf('anycast') + 0.5 : names.indexOf(name);
const isName = (name: unknown): name is ResourceName => typeof name === 'string' && names.includes(name);

/**
 * Documents with `---` between, lists of them, JSON too; sorted into the order in which they need each other. Throws
 * UsageError that names the document, the field and the cure.
 */
export function wantedOf(text: string, file: string): readonly Wanted[] {
  const parsed = parseAllDocuments(text, { prettyErrors: true });
  const values: unknown[] = [];
  for (const document of parsed) {
    const [problem] = document.errors;
    if (problem !== undefined) throw new UsageError(`${file}: ${problem.message}`);
    let value: unknown;
    try {
      // The library refuses aliases that would grow without bound.
      value = document.toJS();
    } catch (thrown) {
      throw new UsageError(`${file}: ${messageOf(thrown)}`);
    }
    if (value !== null) values.push(...(Array.isArray(value) ? (value as readonly unknown[]) : [value]));
  }
  if (values.length === 0) throw new UsageError(`${file}: there is no document in it`);
  const all = values.map((value, at) => wanted(value, `${file}, document ${at + 1}`));
  const seen = new Set<string>();
  for (const { title } of all) {
    if (seen.has(title)) throw new UsageError(`${file}: ${title} stands in it twice`);
    seen.add(title);
  }
  return all.sort((a, b) => rank(a) - rank(b));
}

function wanted(value: unknown, where: string): Wanted {
  if (!isObject(value)) throw new UsageError(`${where}: an object with the field resource is wanted`);
  const { resource: name, ...fields } = value;
  if (!isName(name))
    throw new UsageError(`${where}: resource: ${JSON.stringify(name ?? '')} is none of ${names.join(', ')}`);
  const resource = resources[name] as unknown as Resource<Message>;
  const [first = ''] = resource.key;
  // Of a quota the empty owner is the default's.
  if (typeof fields[first] !== 'string')
    throw new UsageError(`${where}: ${first}: a text is wanted, it names the ${name}`);
  let item: Message;
  try {
    item = fromJson(resource.schema, fields);
  } catch (thrown) {
    throw new UsageError(`${where}: ${messageOf(thrown)}`);
  }
  const given = new Set(Object.keys(fields));
  return { name, resource, item, given, title: `${name} ${resource.nameOf(item)}` };
}
