// pop44d new-ca: the next CA, made on a node that holds the key of the one before. Its key stays in the same file, after that.

import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { realClock } from '#internal/clock/clock.ts';
import type { NodeConfig } from '#internal/config/config.ts';
import { Fault } from '#internal/errors/errors.ts';
import { certificatesOf, createCa, openAuthorities } from '#internal/identity/identity.ts';

export interface NewCaOptions {
  readonly name: string;
  readonly days: number;
}

const dayMs = 24 * 3600_000;
/** Below the least `ca add` refuses it; a CA's certificate is renewed by the hand of its operator, in some years' time. */
const [leastDays, mostDays] = [91, 36_525];

/** Gives the certificate, in PEM. @throws Fault `config`, `authority` */
export async function newCa({ tls, ca }: NodeConfig, { name, days }: NewCaOptions): Promise<string> {
  if (ca === undefined)
    throw new Fault('config', 'configuration: node.ca: missing (a node that holds the key of the CA)');
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,62}$/u.test(name))
    throw new Fault('authority', `--name: ${JSON.stringify(name)} (1 to 63 letters, digits, spaces and . _ -)`);
  if (!Number.isInteger(days) || days < leastDays || days > mostDays)
    throw new Fault('authority', `--days: ${days} (a whole number from ${leastDays} to ${mostDays})`);
  const keyPem = readFileSync(ca.keyFile, 'utf8');
  const trustedPem = readFileSync(tls.caFile, 'utf8');
  openAuthorities({ keyPem, trustedPem });
  if ((statSync(ca.keyFile).mode & 0o077) !== 0)
    throw new Fault('authority', `${ca.keyFile} can be read by others (chmod 600)`);
  const made = await createCa(name, { now: realClock.wall(), validForMs: days * dayMs });
  const [own] = certificatesOf(made.certificatePem);
  if (certificatesOf(trustedPem).some(({ subject }) => subject === own?.subject))
    throw new Fault('authority', `--name: ${JSON.stringify(name)} is the name of a CA that there is (another one)`);
  // Appended, so that the file stays its owner's; a half of a key at its end is passed by (authority.ts).
  const file = openSync(ca.keyFile, 'a');
  try {
    writeFileSync(file, `${keyPem.endsWith('\n') ? '' : '\n'}${made.privateKeyPem}`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return made.certificatePem;
}
