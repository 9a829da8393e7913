// Tunnel file: the client's file again, or of another PoP.

import type { Command } from 'commander';
import { checkFileName, clientFileText } from './client-file.ts';
import { UsageError } from './io.ts';
import { readKeyPair, readPresharedKey, writeNewSecret } from './private-key.ts';
import type { Session } from './session.ts';

interface FileOptions {
  readonly keyFile: string;
  readonly pop: string;
  readonly ipv6?: boolean;
  readonly out?: string;
}

export function fileVerb(tunnel: Command, session: Session): void {
  tunnel
    .command('file')
    .argument('<tunnel>', 'id, owner/name, or a name that is unique')
    .description("render a tunnel's file for wg-quick")
    .requiredOption('--key-file <file>', 'private key, alone or in an earlier file')
    .option('--pop <pop>', 'PoP whose endpoint stands in it; default: the home', '')
    .option('--ipv6', 'reach the endpoint by IPv6')
    .option('--out <out.conf>', 'default: standard output')
    .action(async (ref: string, { keyFile, pop, ipv6, out }: FileOptions) => {
      if (out !== undefined) checkFileName(out);
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
      const text = await clientFileText(session, wish);
      if (out === undefined) session.print(text);
      else {
        writeNewSecret(out, text);
        session.say(`wrote ${out}`);
      }
    });
}
