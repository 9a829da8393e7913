// Fields: the rules that many fields share. Each answers with the value in its canonical form, or with the refusal.

import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  type Family,
  familyOf,
  type IpAddress,
  isUnicast,
  type Prefix,
  parseAddress,
  parsePrefix,
  parseWgKey,
  type WgKey,
} from '#internal/netip/netip.ts';

const missing = (field: string, cure: string): Refusal => refuse('required', { field, problem: 'is missing', cure });

const invalid = (field: string, value: string, problem: string, cure: string): Refusal =>
  refuse('invalid', { field, value, problem, cure });

// A letter or digit at both ends: ids stand in DNS names (RFC 952), where a hyphen may not, and in command lines.
const inner = (most: number): RegExp => new RegExp(`^[a-z0-9]([a-z0-9-]{0,${most - 2}}[a-z0-9])?$`);
const idSyntax = inner(32);
const nameSyntax = inner(63);

export function idField(field: string, value: string): Refusal | undefined {
  const cure = '1 to 32 characters of a-z, 0-9 and -, no - at either end';
  if (value === '') return missing(field, cure);
  return idSyntax.test(value) ? undefined : invalid(field, value, 'is not an id', cure);
}

export function nameField(field: string, value: string): Refusal | undefined {
  const cure = '1 to 63 characters of a-z, 0-9 and -, no - at either end';
  if (value === '') return missing(field, cure);
  return nameSyntax.test(value) ? undefined : invalid(field, value, 'is not a name', cure);
}

export function ownerField(field: string, value: string): Refusal | undefined {
  if (/^[A-Za-z0-9][A-Za-z0-9._@+:/-]{0,127}$/.test(value)) return undefined;
  return invalid(field, value, 'is not an owner', '1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + : / -');
}

/** Text for people: anything but what hides or reorders text in a terminal (control, format and line characters). */
export function textField(field: string, value: string, most: number): Refusal | undefined {
  const length = Array.from(value).length;
  if (length > most) return invalid(field, value, `has ${length} characters`, `at most ${most}`);
  if (!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value)) return undefined;
  return invalid(field, value, 'has control or invisible characters', 'one line of visible text');
}

/** Why something was done to somebody: one line that the next person at the desk can read. */
export function reasonField(field: string, value: string): Refusal | undefined {
  if (value.trim() === '') return missing(field, 'one line of 1 to 200 visible characters');
  return textField(field, value, 200);
}

export function rangeField(field: string, value: number, low: number, high: number): Refusal | undefined {
  if (Number.isInteger(value) && value >= low && value <= high) return undefined;
  return invalid(field, String(value), 'is out of range', `${low} to ${high}`);
}

export function portField(field: string, value: number): Refusal | undefined {
  return rangeField(field, value, 1, 65535);
}

export function keyField(field: string, value: string): WgKey | Refusal {
  if (value === '') return missing(field, '44 characters of base64 for 32 bytes');
  const key = parseWgKey(value);
  return typeof key === 'string' ? key : invalid(field, value, key.problem, key.cure);
}

/** An address of one machine. */
export function addressField(field: string, value: string, family?: Family): IpAddress | Refusal {
  const example = family === 6 ? '2001:db8::7' : family === 4 ? '44.31.0.7' : '44.31.0.7 or 2001:db8::7';
  if (value === '') return missing(field, `an address like ${example}`);
  const address = parseAddress(value);
  if (typeof address !== 'string') return invalid(field, value, address.problem, address.cure);
  if (family !== undefined && familyOf(address) !== family) {
    return invalid(field, value, `is no IPv${family} address`, `like ${example}`);
  }
  return isUnicast(address) ? address : invalid(field, value, 'is no address of one machine', `like ${example}`);
}

/** As addressField, of one that may be left out. */
export function optionalAddressField(field: string, value: string, family: Family): IpAddress | '' | Refusal {
  return value === '' ? '' : addressField(field, value, family);
}

export function prefixField(field: string, value: string): Prefix | Refusal {
  if (value === '') return missing(field, 'a prefix like 44.31.0.0/22 or 2001:db8:44::/48');
  const prefix = parsePrefix(value);
  if (typeof prefix === 'string') return prefix;
  return refuse(prefix.network === undefined ? 'invalid' : 'host-bits', { field, value, ...prefix });
}

/** The fields of one request: the first refusal is the answer, the fields after it are read all the same. */
export class Form {
  #refusal: Refusal | undefined;

  /** Once this is undefined, every value that was taken is good. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  check(outcome: Refusal | undefined): void {
    this.#refusal ??= outcome;
  }

  take<T extends string>(outcome: T | Refusal): T {
    if (!isRefusal(outcome)) return outcome;
    this.check(outcome);
    return '' as T;
  }
}

export function notFound(field: string, value: string, what: string): Refusal {
  return refuse('not-found', { field, value, problem: `is no ${what} of this network`, cure: `one that exists` });
}

export function exists(field: string, value: string, problem: string, cure: string): Refusal {
  return refuse('already-exists', { field, value, problem, cure });
}
