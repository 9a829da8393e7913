// Peer: who connects to the seam, asked of the kernel (SO_PEERCRED, unix(7)) before a byte of his is read.
//
// Node has no getsockopt(2); perl has, and Debian's perl-base is Essential. Its 8 to 13 ms (measured on two busy cores)
// come once, when a half of the node starts.

import { stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { runOnSocket } from '#internal/exec/exec.ts';

/** As they were when it connected; `pid` is 0 when it is of another pid namespace. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** unix(7): struct ucred is pid_t, uid_t, gid_t. */
const program = `my $cred = getsockopt(STDIN, SOL_SOCKET, SO_PEERCRED) or die "getsockopt: $!\\n";
print join(" ", unpack("iII", $cred)), "\\n";`;

/** A machine that stands still for some seconds refuses nobody. */
const timeoutMs = 10_000;

/** Who is at the other end of a Unix socket. @throws Fault that names the cure where perl is missing */
export async function peerOf(socket: Socket): Promise<Peer> {
  let answer: string;
  try {
    const args = ['-MSocket=SOL_SOCKET,SO_PEERCRED', '-e', program];
    answer = await runOnSocket(socket, { file: 'perl', args, timeoutMs });
  } catch (cause) {
    if (!(cause instanceof Fault && cause.code === 'missing-program')) throw cause;
    throw new Fault('peer', `nobody but perl tells who connects: ${cause.message}; install perl-base`, cause);
  }
  const [, pid, uid, gid] = /^(\d+) (\d+) (\d+)\n$/.exec(answer) ?? [];
  if (pid === undefined || uid === undefined || gid === undefined)
    throw new Fault('peer', `who connects is not to be told from ${JSON.stringify(answer.slice(0, 80))}`);
  return { pid: Number(pid), uid: Number(uid), gid: Number(gid) };
}

/** Linux's overflow uid: every user of another user namespace looks like this one, the owner of a file too. */
const nobody = 65_534;

const uidOf = async (path: string): Promise<number> => (await stat(path)).uid;

interface Door {
  readonly clock: Clock;
  readonly refused: (reason: string) => void;
  /** A sandbox that maps one user only has no second one to own anything. */
  readonly ownerOf?: (directory: string) => Promise<number>;
}

/** Milliseconds between two refusals that are told: who knocks again and again does not fill the log. */
const quietMs = 1_000;

/**
 * Lets in who runs as the owner of `directory`: the network half's own state is its user's, and nobody but root can
 * give it to another. Where that cannot be told nobody is let in: what flows goes on, and the network half comes again.
 * `refused` hears who knocked, or why it is not known, once a second at most; he who knocked hears nothing.
 */
export function onlyOwnerOf(
  directory: string,
  { clock, refused, ownerOf = uidOf }: Door,
): (socket: Socket) => Promise<boolean> {
  let toldMs = Number.NEGATIVE_INFINITY;
  const tell = (reason: string): void => {
    if (clock.monotonicMs() - toldMs < quietMs) return;
    toldMs = clock.monotonicMs();
    refused(reason);
  };
  return async (socket) => {
    try {
      const [{ pid, uid }, owner] = await Promise.all([peerOf(socket), ownerOf(directory)]);
      if (uid === owner && uid !== nobody) return true;
      tell(`uid ${uid} (pid ${pid}) is not the network half's user: uid ${owner} owns ${directory}`);
    } catch (cause) {
      tell(messageOf(cause));
    }
    return false;
  };
}
