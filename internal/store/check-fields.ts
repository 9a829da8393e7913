// Check fields: what a field of a record may say.

import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { mostSealedBytes } from '#internal/age/age.ts';
import { parsePoolId } from '#internal/model/model.ts';
import { recoveryId } from '#internal/model/record.ts';
import { type Family, familyOf, isUnicast, parseAddress, parseWgKey } from '#internal/netip/netip.ts';

/** What is wrong, naming the field and never the value; undefined when nothing is. */
export type Problem = string | undefined;

// As long as commands let them be: BIRD takes symbols of 64 characters, ours are an id and up to 8 more.
const idSyntax = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;
// UTF-16 units; commands take 200 characters at most.
const longestText = 1_024;

export const when = (wrong: boolean, problem: string): Problem => (wrong ? problem : undefined);

export const id = (field: string, value: string): Problem => when(!idSyntax.test(value), `${field} is not an id`);

export const ids = (field: string, values: readonly string[]): Problem =>
  when(!values.every((value) => idSyntax.test(value)), `${field} holds what is not an id`);

/** Terminals and logs show it. */
export const text = (field: string, value: string): Problem =>
  when(value.length > longestText || /\p{Cc}/u.test(value), `${field} is not one line of text`);

export const range = (field: string, value: number, low: number, high: number): Problem =>
  when(!(value >= low && value <= high), `${field} is not within ${low} and ${high}`);

/** 0, or what the kernel's shaper can keep: below 8 bit/s it has no rate, above 10 Tbit/s no numbers. */
export const rate = (field: string, value: bigint): Problem =>
  when(value !== 0n && !(value >= 8n && value <= 10_000_000_000_000n), `${field} is no rate`);

export const port = (field: string, value: number): Problem => range(field, value, 1, 65_535);

export const key = (field: string, value: string): Problem =>
  when(typeof parseWgKey(value) !== 'string', `${field} is not a WireGuard key`);

export function address(field: string, value: string, family?: Family): Problem {
  const parsed = parseAddress(value);
  if (parsed !== value || (family !== undefined && familyOf(parsed) !== family))
    return `${field} is not a canonical address`;
  // BIRD refuses its whole configuration for one of these.
  return when(!isUnicast(parsed), `${field} is no address of one machine`);
}

export const optional = (value: string, problem: () => Problem): Problem => (value === '' ? undefined : problem());

// protobuf's Timestamp: the years 1 to 9999. Nobody can turn others into a date or into JSON.
const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;

/** Unset is right. */
export const time = (field: string, value: Timestamp | undefined): Problem =>
  when(
    value !== undefined &&
      !(value.seconds >= firstSecond && value.seconds <= lastSecond && value.nanos >= 0 && value.nanos < 1e9),
    `${field} is no time`,
  );

export const timeThere = (field: string, value: Timestamp | undefined): Problem =>
  when(value === undefined, `${field} is missing`) ?? time(field, value);

/** What was sealed, by node id. Whether it can be opened is known to who opens it. */
export function sealed(field: string, value: Readonly<Record<string, Uint8Array>>): Problem {
  for (const [to, file] of Object.entries(value)) {
    if (to !== recoveryId && !idSyntax.test(to)) return `${field} is sealed to what is no node`;
    if (file.length === 0 || file.length > mostSealedBytes) return `${field} holds what is not sealed`;
  }
  return undefined;
}

// As commands let owners be.
const ownerSyntax = /^[A-Za-z0-9][A-Za-z0-9._@+:/-]{0,127}$/;

export const owner = (field: string, value: string): Problem =>
  when(!ownerSyntax.test(value), `${field} is not an owner`);

export const otherPool = (field: string, value: string, itself: string): Problem =>
  when(value === itself || parsePoolId(value) === undefined, `${field} is not the id of another pool`);
