// pop44d web-certificate: what an instance of pop44-web shows daemons, made on a node that holds the CA's key.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { realClock } from '#internal/clock/clock.ts';
import type { NodeConfig } from '#internal/config/config.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { openAuthority } from '#internal/identity/identity.ts';

export interface WebCertificateOptions {
  readonly name: string;
  readonly out: string;
  readonly days: number;
}

const dayMs = 24 * 3600_000;
/** It lets nobody do anything; whoever has it may say for which address it asks. */
const mostDays = 800;

/**
 * Writes ca.pem, web.pem and web.key into a directory; files that are there are replaced. Gives lines for people.
 * @throws Fault `config`, `authority`
 */
export async function webCertificate(
  { tls, ca }: NodeConfig,
  { name, out, days }: WebCertificateOptions,
): Promise<readonly string[]> {
  if (ca === undefined)
    throw new Fault('config', 'configuration: node.ca: missing (a node that holds the key of the CA)');
  if (!/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/.test(name))
    throw new Fault(
      'authority',
      `--name: ${JSON.stringify(name)} (1 to 63 of a-z, 0-9 and . _ -, none of these at an end)`,
    );
  if (!Number.isInteger(days) || days < 1 || days > mostDays)
    throw new Fault('authority', `--days: ${days} (a whole number from 1 to ${mostDays})`);
  const trustedPem = readFileSync(tls.caFile, 'utf8');
  const authority = openAuthority({ keyPem: readFileSync(ca.keyFile, 'utf8'), trustedPem });
  const now = realClock.wall();
  const { certificatePem, privateKeyPem } = await authority.issueWeb(name, {
    now,
    endsMs: now.getTime() + days * dayMs,
  });
  try {
    mkdirSync(out, { recursive: true, mode: 0o750 });
    writeFileSync(join(out, 'ca.pem'), trustedPem);
    // A file that is there keeps its mode, whatever is written into it.
    rmSync(join(out, 'web.key'), { force: true });
    writeFileSync(join(out, 'web.key'), privateKeyPem, { mode: 0o600, flag: 'wx' });
    writeFileSync(join(out, 'web.pem'), certificatePem);
  } catch (thrown) {
    throw new Fault('config', `--out: ${messageOf(thrown)}`, thrown);
  }
  return [`wrote ca.pem, web.pem and web.key into ${out}; good for ${days} days`];
}
