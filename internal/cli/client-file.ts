// Client file: a tunnel's file from the daemon's template and the key that is here.

import { basename } from 'node:path';
import type { Format, Rendered, ReturnPath } from '#internal/clientfile/clientfile.ts';
import { UsageError } from './io.ts';
import type { Session } from './session.ts';

export interface FileWish {
  readonly tunnel: string;
  /** Empty: the tunnel's home. */
  readonly popId: string;
  readonly endpointIpv6: boolean;
  readonly privateKey: string;
  readonly presharedKey?: string;
  /** Default: wg-quick's, for all traffic. */
  readonly format?: Format;
  readonly returnPath?: ReturnPath;
}

/** The texts of the files, of which all formats but networkd have one. Throws Fault `bad-template`. */
export async function clientFiles(session: Session, wish: FileWish): Promise<readonly Rendered[]> {
  const { render } = await import('#internal/clientfile/clientfile.ts');
  const { tunnel, popId, endpointIpv6, privateKey, presharedKey, format = 'wg-quick', returnPath = 'all' } = wish;
  const template = await (await session.client()).tunnels.getTunnelTemplate({ tunnel, popId, endpointIpv6 });
  session.aged(template.freshness);
  const keys = { privateKey, ...(presharedKey === undefined ? {} : { presharedKey }) };
  return render({ ...template, ...keys }, format, returnPath);
}

/** Of wg-quick. Throws Fault `bad-template`. */
export async function clientFileText(session: Session, wish: FileWish): Promise<string> {
  const [file] = await clientFiles(session, wish);
  return file?.text ?? '';
}

// wg-quick(8): the file's name without .conf becomes the interface's; IFNAMSIZ leaves 15 characters.
const fileName = /^[a-zA-Z0-9_=+.-]{1,15}\.conf$/;

/** Told before anything is made: wg-quick takes the interface's name from the file's. */
export function checkFileName(file: string): void {
  if (fileName.test(basename(file))) return;
  throw new UsageError(
    `${file}: wg-quick wants NAME.conf, NAME of 1 to 15 characters of a-z, A-Z, 0-9 and _=+.- (it names the interface)`,
  );
}
