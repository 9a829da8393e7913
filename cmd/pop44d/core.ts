// Core: what a crash leaves on the disk. The privileged half holds keys, the other one TLS keys: nothing of their memory.
// What they start inherits both settings, wireguard-go with its keys too.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** util-linux; where it is missing, the service manager's LimitCORE=0 does the same. */
const prlimit = '/usr/bin/prlimit';

/** Of core(5): no mapping at all goes into a core, not even one that is piped to a handler, which no limit stops. */
export function emptyCore(): void {
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // A kernel without CONFIG_ELF_CORE writes no core.
  }
}

/** Whether it can be helped that a core is written. */
export function mayDumpCore(): boolean {
  return existsSync(prlimit) && !/^Max core file size\s+0\s+0\s/m.test(readFileSync('/proc/self/limits', 'utf8'));
}

/** The command, so that it and what it starts write no core. Node cannot set limits itself. */
export function coreless(argv: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return mayDumpCore() ? [prlimit, '--core=0:0', ...argv] : argv;
}
