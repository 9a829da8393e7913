// Tunnel file: the client's file again, in any format, or of another PoP.

import { type Command, Option } from 'commander';
import type { Format, Rendered, ReturnPath } from '#internal/clientfile/clientfile.ts';
import { checkFileName, clientFiles } from './client-file.ts';
import { UsageError } from './io.ts';
import { readKeyPair, readPresharedKey, removeSecret, writeNewSecret } from './private-key.ts';
import type { Session } from './session.ts';

interface FileOptions {
  readonly keyFile: string;
  readonly pop: string;
  readonly ipv6?: boolean;
  readonly format: Format;
  readonly return: ReturnPath;
  readonly qr?: boolean;
  readonly out?: string;
}

// clientfile's, which would be loaded with every start.
const extensions: Readonly<Record<Format, readonly string[]>> = {
  'wg-quick': ['.conf'],
  networkmanager: ['.nmconnection'],
  networkd: ['.netdev', '.network'],
  openwrt: ['.uci'],
  routeros: ['.rsc'],
};

export function fileVerb(tunnel: Command, session: Session): void {
  tunnel
    .command('file')
    .argument('<tunnel>', 'id, owner/name, or a name that is unique')
    .description("render a tunnel's file for the client's program")
    .requiredOption('--key-file <file>', 'private key, alone or in an earlier file')
    .addOption(
      new Option('--format <format>', 'who reads it')
        .choices(Object.keys(extensions))
        .default('wg-quick' satisfies Format),
    )
    .addOption(
      new Option('--return <path>', 'what leaves by the tunnel: all, or replies of its addresses alone')
        .choices(['all', 'replies'] satisfies ReturnPath[])
        .default('all'),
    )
    .option('--qr', 'draw it for the app of a phone')
    .option('--pop <pop>', 'PoP whose endpoint stands in it; default: the home', '')
    .option('--ipv6', 'reach the endpoint by IPv6')
    .option('--out <file>', 'new file; networkd makes two of it, OUT.netdev and OUT.network; default: standard output')
    .action((ref: string, options: FileOptions) => file(session, ref, options));
}

async function file(session: Session, ref: string, options: FileOptions): Promise<void> {
  const { keyFile, pop, ipv6, format, return: returnPath, out } = options;
  checkOptions(options);
  const key = readKeyPair(keyFile);
  if (key === undefined) throw new UsageError(`${keyFile} does not exist`);
  const { tunnel: found } = await (await session.client()).tunnels.getTunnel({ tunnel: ref });
  if (found === undefined || ![found.publicKey, found.nextPublicKey].includes(key.publicKey)) {
    throw new UsageError(`the key in ${keyFile} is not this tunnel's: a file with it would never connect`);
  }
  const presharedKey = readPresharedKey(keyFile);
  if (found.hasPresharedKey && presharedKey === undefined) {
    throw new UsageError(
      `the tunnel has a pre-shared key and ${keyFile} has none: give the file that has both, or make a new one by pop44 tunnel rotate-psk`,
    );
  }
  const shared = found.hasPresharedKey && presharedKey !== undefined ? { presharedKey } : {};
  const wish = { tunnel: found.id, popId: pop, endpointIpv6: ipv6 ?? false, privateKey: key.privateKey, ...shared };
  const files = await clientFiles(session, { ...wish, format, returnPath });
  if (options.qr === true) await draw(session, files);
  else if (out !== undefined) write(session, files, out);
  else for (const { extension, text } of files) session.print(files.length === 1 ? text : `# ${extension}\n${text}`);
}

/** Before anything is asked for. */
function checkOptions({ format, return: returnPath, qr, out }: FileOptions): void {
  if (qr === true && (format !== 'wg-quick' || returnPath !== 'all' || out !== undefined)) {
    throw new UsageError('--qr is for the apps of phones: it goes without --format, --return and --out');
  }
  if (out === undefined) return;
  if (format === 'wg-quick') checkFileName(out);
  const [first = ''] = extensions[format];
  if (!out.endsWith(first)) throw new UsageError(`${out}: a file of ${format} is called NAME${first}`);
}

async function draw(session: Session, files: readonly Rendered[]): Promise<void> {
  const { qrTerminal } = await import('#internal/clientfile/clientfile.ts');
  session.print(qrTerminal(files[0]?.text ?? '', session.form() === 'columns'));
}

/** All of them or none; for their owner alone. */
function write(session: Session, files: readonly Rendered[], out: string): void {
  const base = out.slice(0, -(files[0]?.extension.length ?? 0));
  const written: string[] = [];
  try {
    for (const { extension, text } of files) {
      writeNewSecret(`${base}${extension}`, text);
      written.push(`${base}${extension}`);
    }
  } catch (thrown) {
    written.forEach(removeSecret);
    throw thrown;
  }
  session.say(`wrote ${written.join(' and ')}; its first lines tell how it is used`);
}
