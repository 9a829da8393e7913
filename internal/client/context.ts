// Context: where the daemons are and with which certificate to speak to them.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Fault } from '#internal/errors/errors.ts';

export interface Daemon {
  readonly node: string;
  /** `host:port`, `[v6]:port` or `unix:/path`. */
  readonly address: string;
}

export interface Context {
  readonly file: string;
  /** PEM files; without a certificate one calls by a login or a token alone. */
  readonly ca: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly daemons: readonly Daemon[];
  /** Of a lab: its name, its first process as seen from outside, and its network namespaces. */
  readonly lab?: string;
  readonly pid?: number;
  readonly namespaces: readonly string[];
}

/** Of the caller: where contexts of its own lie. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
}

/** Labs that run, the newest first. */
export function livingLabs(env: Surroundings['env'], uid: number): readonly Context[] {
  const found: { readonly context: Context; readonly at: number }[] = [];
  for (const folder of folders(env, uid)) {
    for (const name of entries(folder)) {
      const file = join(folder, name, 'context.json');
      const at = modified(file);
      if (at === undefined) continue;
      try {
        const context = readContext(file);
        if (context.pid !== undefined && lives(context.pid)) found.push({ context, at });
      } catch {
        // Of a lab that is starting or was killed: it does not stand in the way of the others.
      }
    }
  }
  return found.sort((a, b) => b.at - a.at).map(({ context }) => context);
}

/** Throws Fault `no-context` or `context`. */
export function labNamed(lab: string, env: Surroundings['env'], uid: number): Context {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(lab)) throw new Fault('context', `${JSON.stringify(lab)} is no lab's name`);
  for (const folder of folders(env, uid)) {
    const file = join(folder, lab, 'context.json');
    if (modified(file) !== undefined) return readContext(file);
  }
  const labs = livingLabs(env, uid).map((context) => context.lab);
  throw new Fault('no-context', `no lab ${lab} (running: ${labs.join(', ') || 'none'})`);
}

/** Where labs put their contexts. /tmp belongs to everybody: there only a folder of our own counts. */
function folders(env: Surroundings['env'], uid: number): readonly string[] {
  const runtime = env['XDG_RUNTIME_DIR'];
  const own = `/tmp/pop44-${uid}`;
  return [
    ...(runtime === undefined || runtime === '' ? [] : [join(runtime, 'pop44')]),
    ...(ownedPrivately(own, uid) ? [own] : []),
  ];
}

function ownedPrivately(folder: string, uid: number): boolean {
  const stats = statSync(folder, { throwIfNoEntry: false });
  return stats !== undefined && stats.isDirectory() && stats.uid === uid && (stats.mode & 0o077) === 0;
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const modified = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs;

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // It is there and another's.
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}

/** Throws Fault `context` that names the file and the field. */
export function readContext(file: string): Context {
  const bad = (problem: string, cause?: unknown): Fault => new Fault('context', `${file}: ${problem}`, cause);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw bad(cause instanceof SyntaxError ? 'is not JSON' : 'cannot be read', cause);
  }
  if (typeof value !== 'object' || value === null) throw bad('is not an object');
  const fields = new Map(Object.entries(value));
  const path = (name: string): string => {
    const text: unknown = fields.get(name);
    if (typeof text !== 'string' || text === '') throw bad(`${name}: a path is wanted`);
    return resolve(dirname(file), text);
  };
  const daemons = list(fields.get('daemons')).map((item) => {
    const daemon = item as Partial<Daemon> | null;
    if (typeof daemon?.node !== 'string' || typeof daemon.address !== 'string') {
      throw bad('daemons: each has a node and an address');
    }
    return { node: daemon.node, address: daemon.address };
  });
  if (daemons.length === 0) throw bad('daemons: at least one is wanted');
  const lab: unknown = fields.get('lab');
  const pid: unknown = fields.get('pid');
  return {
    file,
    ca: path('ca'),
    // An empty one is wrong, none is not.
    ...(fields.has('certificate') || fields.has('key') ? { certificate: path('certificate'), key: path('key') } : {}),
    daemons,
    ...(typeof lab === 'string' ? { lab } : {}),
    ...(typeof pid === 'number' && Number.isInteger(pid) && pid > 1 ? { pid } : {}),
    namespaces: list(fields.get('namespaces')).filter((name) => typeof name === 'string'),
  };
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
