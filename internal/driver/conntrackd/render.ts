// Render: conntrackd's configuration, and the checks of every value that goes there.

import type { Sync } from '#internal/dataplane/dataplane.ts';
import { syncPort } from '#internal/dataplane/ownership.ts';
import { demand, isOurLink, isPrefix } from '#internal/driver/driver.ts';

export interface Files {
  readonly config: string;
  readonly socket: string;
  readonly lock: string;
  readonly pid: string;
  readonly log: string;
}

export const filesOf = (runDir: string): Files => ({
  config: `${runDir}/sync.conf`,
  socket: `${runDir}/sync.ctl`,
  lock: `${runDir}/sync.lock`,
  pid: `${runDir}/sync.pid`,
  log: `${runDir}/sync.log`,
});

/** nf_conntrack_max of a machine with 1 GB and more (nf_conntrack-sysctl.rst), for both caches of it; a flow has 0.5 kB. */
const mostFlows = 262_144;
/**
 * The kernel tells of 1,000 new flows a second in 0.5 MB: 8 and 32 s of them. After an overrun conntrackd reads the kernel's
 * table again by itself.
 */
const eventBytes = 4 * 1024 * 1024;
const mostEventBytes = 16 * 1024 * 1024;
/** Told and not confirmed: of 1,000 new flows a second, and their ends, a minute. */
const mostUnconfirmed = 131_072;
/** Seconds that a flow has left whose node does not lead any more: the order to end them must not hit who leads again at once. */
const purgeSeconds = 60;

const isIpv4 = (address: string): boolean => !address.includes(':') && isPrefix(`${address}/32`);

/**
 * FTFW: what is lost on the way is asked for again, so that a link which was away for a while costs nothing. The caches stay
 * outside the kernel: it would end UDP's flows after 120 s, because a flow that only goes on is no event.
 * @param interfaceIndex it binds to the interface with this number, and is started anew for another
 * @throws Fault `invalid`
 */
export function configText({ link, own, far }: Sync, files: Files, interfaceIndex: number): string {
  demand(isOurLink(link), 'an interface of ours', link);
  demand(isIpv4(own) && isIpv4(far), 'two IPv4 addresses', `${own} ${far}`);
  demand(/^\/[\w./-]+$/.test(files.config), 'a path without special characters', files.config);
  return `# Written by pop44d. Interface number ${interfaceIndex}.
Sync {
  Mode FTFW {
    ResendQueueSize ${mostUnconfirmed}
    PurgeTimeout ${purgeSeconds}
    StartupResync on
  }
  UDP {
    IPv4_address ${own}
    IPv4_Destination_Address ${far}
    Port ${syncPort}
    Interface ${link}
    Checksum on
  }
}
General {
  HashSize 65536
  HashLimit ${2 * mostFlows}
  Syslog off
  LogFile off
  LockFile ${files.lock}
  UNIX {
    Path ${files.socket}
  }
  NetlinkBufferSize ${eventBytes}
  NetlinkBufferSizeMaxGrowth ${mostEventBytes}
  Filter From Userspace {
    Address Ignore {
      IPv4_address 127.0.0.1
      IPv4_address ${own}
      IPv4_address ${far}
    }
  }
}
`;
}
