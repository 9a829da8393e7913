// Cluster process: one that is killed, stopped, frozen and started again by hand, and is never raised behind one's back.

import { type Command, type Kept, keep } from '#internal/exec/exec.ts';

export interface ClusterProcess {
  /** `p1-daemon`, `p1-etcd`, `p1-toxiproxy`. */
  readonly name: string;
  /** Both outputs, of all its lives. */
  readonly logFile: string;
  /** Undefined while it is not running. */
  pid(): number | undefined;
  /** SIGKILL; returns when it is gone. Of one that is not running nothing. */
  kill(): Promise<void>;
  /** SIGTERM, after 2 s SIGKILL; returns when it is gone. */
  stop(): Promise<void>;
  /** Nothing where it runs. Does not wait until it answers. `more`: arguments of this life alone, after the usual ones. */
  start(more?: readonly string[]): Promise<void>;
  /** Its next end is as good as asked for: something is done to it that it may not survive. */
  mayEnd(): void;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
  /** Why it ended when nobody had asked it to, or with an error when it was told to stop; once for each time. */
  deaths(): readonly string[];
}

export function clusterProcess(name: string, logFile: string, command: Command): ClusterProcess {
  const deaths: string[] = [];
  let current: { readonly kept: Kept; readonly gone: Promise<void> } | undefined;
  let asked = false;
  let told = false;

  const signal = (wanted: NodeJS.Signals): void => {
    if (current !== undefined) process.kill(current.kept.pid, wanted);
  };
  return {
    name,
    logFile,
    pid: () => current?.kept.pid,
    async kill() {
      asked = true;
      const ending = current?.gone;
      signal('SIGKILL');
      await ending;
    },
    async stop() {
      asked = true;
      told = true;
      await current?.kept.stop();
    },
    mayEnd() {
      asked = true;
    },
    async start(more = []) {
      if (current !== undefined) return;
      asked = false;
      told = false;
      const { promise: gone, resolve } = Promise.withResolvers<void>();
      const kept = await keep({
        ...command,
        args: [...(command.args ?? []), ...more],
        logFile,
        onExit(reason) {
          current = undefined;
          // A signal ends what does not listen to it, and is no error.
          if (!asked || (told && /: exit code [1-9]/.test(reason))) deaths.push(`${name}: ${reason}`);
          resolve();
        },
      });
      current = { kept, gone };
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    deaths: () => deaths,
  };
}
