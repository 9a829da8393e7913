// Announcer: tells the LAN again and again who holds an address. A frame may be lost, and a sibling whose kernel lives on
// without its processes may answer somebody's question: what neighbours know is right again with the next one.

import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { type Kept, keep } from '#internal/exec/exec.ts';
import type { Log } from '#internal/log/log.ts';
import { announcement } from './frames.ts';

/** An Ethernet interface of the namespace. */
export interface Place {
  readonly index: number;
  readonly mac: string;
}

export interface Announcer {
  /** At once and from then on, unless that is what is announced already. */
  announce(address: string, place: Place): void;
  end(address: string): void;
  /** Of no other address any more. */
  only(addresses: readonly string[]): void;
  close(): Promise<void>;
}

/** Of the first frames one may be lost while switches learn. */
const firstPausesMs = [100, 400];
/** RFC 5227 1.1, ANNOUNCE_INTERVAL. */
const eachMs = 2_000;

/**
 * Node has no packet sockets (packet(7)); perl has, and Debian's perl-base is Essential. AF_PACKET is 17, SOCK_RAW 3; a line is the
 * interface's index and a frame, whose Ethernet type the kernel wants in the address too (struct sockaddr_ll).
 */
const program = `socket(my $socket, 17, 3, 0) or die "socket: $!\\n";
while (<STDIN>) {
  my ($index, $hex) = split;
  my $frame = pack("H*", $hex);
  my $to = pack("S a2 i S C C x8", 17, substr($frame, 12, 2), $index, 0, 0, 0);
  send($socket, $frame, 0, $to) or warn "send: $!\\n";
}`;

interface AnnouncerOptions {
  readonly netns: string;
  readonly clock: Clock;
  readonly log: Log;
}

export function createAnnouncer({ netns, clock, log }: AnnouncerOptions): Announcer {
  const announced = new Map<string, Place & { readonly stop: AbortController }>();
  let sender: Promise<Kept> | undefined;
  /** Told once for each row of failures. */
  let told = '';

  const failed = (reason: string): void => {
    if (told !== reason) log.warn('unannounced', { reason });
    told = reason;
  };
  const started = (): Promise<Kept> =>
    keep({
      ...{ file: 'perl', args: ['-e', program], netns },
      onStderr: failed,
      onExit: () => {
        sender = undefined;
      },
    });
  const send = async (address: string, { index, mac }: Place): Promise<void> => {
    sender ??= started();
    (await sender).write(`${index} ${announcement(mac, address).toString('hex')}\n`);
  };

  async function repeat(address: string, place: Place, signal: AbortSignal): Promise<void> {
    const pauses = [...firstPausesMs];
    while (!signal.aborted) {
      await send(address, place).catch((cause: unknown) => {
        sender = undefined;
        failed(messageOf(cause));
      });
      await clock.sleep(pauses.shift() ?? eachMs, signal).catch(() => undefined);
    }
  }

  const end = (address: string): void => {
    announced.get(address)?.stop.abort();
    announced.delete(address);
  };

  return {
    announce: (address, { index, mac }) => {
      const before = announced.get(address);
      if (before?.index === index && before.mac === mac) return;
      end(address);
      const stop = new AbortController();
      announced.set(address, { index, mac, stop });
      void repeat(address, { index, mac }, stop.signal);
    },
    end,
    only: (addresses) => {
      for (const address of announced.keys()) if (!addresses.includes(address)) end(address);
    },
    close: async () => {
      for (const address of announced.keys()) end(address);
      await sender?.then(
        (kept) => kept.stop(),
        () => undefined,
      );
    },
  };
}
