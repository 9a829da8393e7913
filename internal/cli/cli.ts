// CLI: what an admin types, as requests, and the answers as an admin reads them.
//
// On the path: argv becomes options, options a request to one daemon through client, the answer a table, tabs or JSON.
// Never: decides what is valid (the daemon does and says why), keeps a private key but in the file that it was told, or
// loads more than the verb needs: everything heavy is imported when it is used.

export type { Io, Sink, Where } from './io.ts';
export { processIo } from './process-io.ts';
export { runCli } from './run.ts';
export type { Screen } from './screen.ts';
