// Settings: what an operator says to one instance of pop44-web, in the file that also names its daemons.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, isAbsolute, resolve } from 'node:path';
import { type Context, readContext } from '#internal/client/client.ts';
import { Fault } from '#internal/errors/errors.ts';
import { parsePrefix } from '#internal/netip/netip.ts';
import { type AcmeSettings, acmeOf, type Bad, checkAcme, namesOf } from './acme-settings.ts';
import { unixProxy } from './proxies.ts';

/** A listener: its addresses (`0.0.0.0:443`, `[::]:443`, `unix:/run/web.sock`) and where its certificate is from. */
export type Listening = ByFiles | ByAcme;

/** PEM files that somebody else keeps. */
export interface ByFiles {
  readonly listen: readonly string[];
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Ordered for these names, of the server that `Settings.acme` names. */
export interface ByAcme {
  readonly listen: readonly string[];
  readonly names: readonly string[];
  /** Addresses of plain HTTP, to which port 80 of the names leads: challenges are answered there, all else led to HTTPS. */
  readonly plain: readonly string[];
}

export interface Settings {
  /** Daemons, and what the instance shows them. */
  readonly context: Context;
  /** The network's name, for people. */
  readonly name: string;
  readonly public?: Listening;
  readonly console?: Listening;
  /** Prefixes of proxies whose X-Forwarded-For is believed, and `unix`, those who come by a socket of this machine. */
  readonly trustedProxies: readonly string[];
  /** Shared by all instances behind one name; undefined: made at the start, right for one instance. */
  readonly secretFile?: string;
  /** Of sites that have names in place of files. */
  readonly acme?: AcmeSettings;
  /** Where Prometheus asks, by plain HTTP: `127.0.0.1:9441`. */
  readonly metrics?: string;
  /** Leading zero bits that a sign-up has to find; 0: none. */
  readonly workBits: number;
}

/** About 2 x 10^5 hashes: half a second of a laptop, three of an old phone, before anybody has typed a password. */
const usualWorkBits = 18;
const mostWorkBits = 24;

type Fields = ReadonlyMap<string, unknown>;
const known = new Set([
  ...['ca', 'certificate', 'key', 'daemons', 'lab', 'pid', 'namespaces'],
  ...['name', 'public', 'console', 'trustedProxies', 'secretFile', 'workBits', 'acme', 'metrics'],
]);

const knownOfSite = new Set(['listen', 'certificateFile', 'keyFile', 'names', 'plain']);

const namedBy = (where: Listening | undefined): ByAcme | undefined =>
  where !== undefined && 'names' in where ? where : undefined;

/** @throws Fault `context`, `config`: names field, value and cure */
export function readSettings(file: string): Settings {
  const context = readContext(file);
  const fields: Fields = new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as object));
  const bad: Bad = (field, value, cure) => {
    throw new Fault('config', `${file}: ${field}: ${JSON.stringify(value) ?? 'missing'} (${cure})`);
  };
  for (const field of fields.keys()) if (!known.has(field)) bad(field, fields.get(field), 'there is no such field');

  const path = (field: string, value: unknown): string =>
    typeof value === 'string' && value !== ''
      ? isAbsolute(value)
        ? value
        : resolve(dirname(file), value)
      : bad(field, value, 'a path');
  const addresses = (field: string, value: unknown): readonly string[] =>
    Array.isArray(value) && value.length > 0 && value.every(isListenAddress)
      ? value
      : bad(field, value, 'a list of addresses with ports, like 0.0.0.0:443, or unix:/path');
  const listening = (field: 'public' | 'console'): { readonly [field: string]: Listening } => {
    const value = fields.get(field);
    if (value === undefined) return {};
    if (typeof value !== 'object' || value === null)
      bad(field, value, 'listen, and certificateFile and keyFile, or names for a certificate by ACME');
    const own = value as Readonly<Record<string, unknown>>;
    for (const each of Object.keys(own))
      if (!knownOfSite.has(each)) bad(`${field}.${each}`, own[each], 'there is no such field');
    const listen = addresses(`${field}.listen`, own['listen']);
    const { certificateFile, keyFile } = own;
    if (own['names'] !== undefined) {
      if (certificateFile !== undefined || keyFile !== undefined)
        bad(`${field}.names`, own['names'], 'names for ACME, or certificateFile and keyFile, not both');
      const plain = own['plain'] === undefined ? [] : addresses(`${field}.plain`, own['plain']);
      return { [field]: { listen, names: namesOf(`${field}.names`, own['names'], bad), plain } };
    }
    if (own['plain'] !== undefined) bad(`${field}.plain`, own['plain'], 'only with names, for a certificate by ACME');
    return {
      [field]: {
        listen,
        certificateFile: path(`${field}.certificateFile`, certificateFile),
        keyFile: path(`${field}.keyFile`, keyFile),
      },
    };
  };

  const name = fields.get('name') ?? 'pop44';
  if (typeof name !== 'string' || !/^[^\p{Cc}\p{Cf}]{1,60}$/u.test(name))
    bad('name', name, '1 to 60 visible characters');
  const proxies = fields.get('trustedProxies') ?? [];
  const arePrefixes =
    Array.isArray(proxies) &&
    proxies.every((text) => text === unixProxy || (typeof text === 'string' && typeof parsePrefix(text) === 'string'));
  if (!arePrefixes) bad('trustedProxies', proxies, `a list of prefixes, like 192.0.2.0/24, and "${unixProxy}"`);
  const workBits = fields.get('workBits') ?? usualWorkBits;
  if (!Number.isInteger(workBits) || (workBits as number) < 0 || (workBits as number) > mostWorkBits)
    bad('workBits', workBits, `a whole number from 0 to ${mostWorkBits}`);
  const secretFile = fields.get('secretFile');
  const metrics = fields.get('metrics');
  if (metrics !== undefined && (!isListenAddress(metrics) || metrics.startsWith('unix:')))
    bad('metrics', metrics, 'an address with a port, like 127.0.0.1:9441');
  const settings: Settings = {
    context,
    name: name as string,
    ...listening('public'),
    ...listening('console'),
    trustedProxies: proxies as readonly string[],
    ...(secretFile === undefined ? {} : { secretFile: path('secretFile', secretFile) }),
    ...acmeOf(fields.get('acme'), { bad, path }),
    ...(metrics === undefined ? {} : { metrics }),
    workBits: workBits as number,
  };
  if (settings.public === undefined && settings.console === undefined)
    bad('public', undefined, 'public, console or both');
  const ofAcme = (['public', 'console'] as const).filter((site) => namedBy(settings[site]) !== undefined);
  checkAcme(settings, ofAcme, bad);
  for (const site of ['public', 'console'] as const) {
    const where = settings[site];
    const lists = { listen: where?.listen ?? [], plain: namedBy(where)?.plain ?? [] };
    for (const [list, all] of Object.entries(lists)) {
      const socket = all.find((address) => address.startsWith('unix:'));
      // Limits would count all visitors as one, who are shut out together.
      if (socket !== undefined && !settings.trustedProxies.includes(unixProxy))
        bad(
          `${site}.${list}`,
          socket,
          `the proxy before a socket has to say in X-Forwarded-For for whom it asks: "trustedProxies": ["${unixProxy}"]`,
        );
    }
  }
  return settings;
}

function isListenAddress(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  if (value.startsWith('unix:/')) return true;
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(value);
  return isIP(match?.[1] ?? match?.[2] ?? '') !== 0 && Number(match?.[3]) <= 65_535;
}
