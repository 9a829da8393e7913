// Certificate: what a site shows browsers, from files that somebody else keeps or ordered by ACME, and each one after it.

import { X509Certificate } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AccountKey, createKeeper, type Pair } from '#internal/acme/acme.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { AcmeSettings } from './acme-settings.ts';
import { followFiles, versionOf } from './followed-files.ts';
import type { ByAcme, ByFiles } from './settings.ts';

export interface CertificateSource {
  /** Where it is from, for who reads a fault. */
  readonly about: string;
  /** Undefined: there is none yet. */
  current(): Pair | undefined;
  /** Tells each new one until the signal ends it. Never rejects. */
  follow(take: (pair: Pair) => void, signal: AbortSignal): Promise<void>;
  /** Tries to get the next one that have failed one after the other. */
  failures(): number;
}

export interface CertificateAround {
  readonly clock: Clock;
  readonly log: Log;
}

/** @throws Fault `config` */
export function certificateOfFiles(
  { certificateFile, keyFile }: ByFiles,
  around: CertificateAround,
): CertificateSource {
  const files = [certificateFile, keyFile];
  const read = (): Pair => {
    try {
      return { certificate: readFileSync(certificateFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    } catch (thrown) {
      throw new Fault('config', `the certificate cannot be read: ${messageOf(thrown)}`, thrown);
    }
  };
  const version = versionOf(files);
  let pair = read();
  return {
    about: certificateFile,
    current: () => pair,
    failures: () => 0,
    follow: (take, signal) => {
      const takeNew = (): void => {
        const next = read();
        take(next);
        pair = next;
      };
      return followFiles(files, takeNew, { ...around, signal, version });
    },
  };
}

export interface Ordering {
  readonly site: 'public' | 'console';
  readonly acme: AcmeSettings;
  readonly key: AccountKey;
}

/** @throws Fault `config` */
export function certificateByAcme(
  { names }: ByAcme,
  { site, acme, key }: Ordering,
  around: CertificateAround,
): CertificateSource {
  const { server, caFile, contact, stateDirectory } = acme;
  const keeper = createKeeper({
    ...{ site, names, key, chance: Math.random, ...around },
    authority: { server, contact, extraCa: caFile === undefined ? undefined : readCa(caFile) },
    file: join(writable(stateDirectory), `${site}.pem`),
  });
  return {
    about: `${names.join(', ')} by ${server}`,
    current: keeper.current,
    failures: keeper.failures,
    follow: (take, signal) => {
      keeper.onTaken(take);
      return keeper.run(signal);
    },
  };
}

function readCa(file: string): string {
  try {
    const pem = readFileSync(file, 'utf8');
    // Else Node would take what is no certificate without a word, and trust nobody by it.
    new X509Certificate(pem);
    return pem;
  } catch (thrown) {
    throw new Fault('config', `acme.caFile: ${file}: ${messageOf(thrown)} (the PEM of the server's CA)`, thrown);
  }
}

/** Before anything is ordered that could not be kept. */
function writable(directory: string): string {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.W_OK | constants.X_OK);
    return directory;
  } catch (thrown) {
    const cure = 'a folder that pop44-web may write into';
    throw new Fault('config', `acme.stateDirectory: ${messageOf(thrown)} (${cure})`, thrown);
  }
}
