// Profiler: loaded into a daemon before its program (node --import), so that what its processor does can be seen. Nothing
// until SIGUSR2; the next SIGUSR2 ends it, and the profile stands as <pid>.cpuprofile in the directory that the URL names.
// Where a file `begin` stands there, it begins at once: for what a start does.
//
// No port is opened: a daemon's memory is full of secrets (cmd/pop44d/birth.ts).

import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

const to = new URL(import.meta.url).searchParams.get('to') ?? '.';
/** Microseconds: a sample each takes some 2 % of the processor. */
const interval = 1_000;
let session: Session | undefined;

function begin(): void {
  session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval });
  session.post('Profiler.start');
}

function end(from: Session): void {
  from.post('Profiler.stop', (error, answer) => {
    const file = `${to}/${process.pid}.cpuprofile`;
    writeFileSync(`${file}.new`, JSON.stringify(error ?? answer.profile), { mode: 0o600 });
    // Whoever waits for it finds it whole.
    renameSync(`${file}.new`, file);
    from.disconnect();
  });
}

process.on('SIGUSR2', () => {
  if (session === undefined) begin();
  else {
    end(session);
    session = undefined;
  }
});
if (existsSync(`${to}/begin`)) begin();
