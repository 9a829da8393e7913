// Tools: the programs that `npm run tools` builds, as npm's scripts hand them over. cmd/run/tools.mjs has the list.

import { basename, join } from 'node:path';

export type ToolName = 'toxiproxy-server' | 'etcd' | 'pebble' | 'wireguard-go';

/** The path of a tool, as it was built; undefined: `whyNoTools` says why. */
export function toolPath(name: ToolName): string | undefined {
  const directory = process.env['POP44_TOOLS'] ?? '';
  return directory === '' ? undefined : join(directory, name);
}

/** A sentence for whoever does without. */
export function whyNoTools(): string {
  const reason = process.env['POP44_NO_TOOLS'] ?? 'they come with npm test, npm start and npm run bench';
  return `no tools built from Go modules: ${reason}`;
}

/**
 * The reason of a skipped test. A machine without Go does without these tools, in CI too, and so does who asks for that; one with Go
 * that could not build them has something to mend.
 */
export function skippedWithoutTools(): string {
  const reason = whyNoTools();
  return /\bGo [0-9.]+ or newer is\b|POP44_TOOLS is none/.test(reason) ? `allowed: ${reason}` : reason;
}

/** Those that stand in for a program of the system's with the same name. */
export function newerPrograms(): ReadonlyMap<string, string> {
  const names = ['etcd', 'wireguard-go'] as const;
  return new Map(names.flatMap((name) => toolPath(name) ?? []).map((path) => [basename(path), path]));
}
