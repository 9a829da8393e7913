// Entrance: a site's addresses with its certificate, and where that is ordered by ACME the plain addresses that go with it.

import type { RequestListener } from 'node:http';
import { accountKeyOf } from '#internal/acme/acme.ts';
import { Fault } from '#internal/errors/errors.ts';
import type { AcmeSettings } from './acme-settings.ts';
import {
  type CertificateAround,
  certificateByAcme,
  certificateOfFiles,
  type CertificateSource,
} from './certificate.ts';
import { type ListenAround, listen, listenPlain, type SecureListener } from './listen.ts';
import { beforeSite, plainSite } from './plain.ts';
import type { Listening } from './settings.ts';

export interface Entrance extends SecureListener {
  readonly certificate: CertificateSource;
}

export interface EntranceAround extends CertificateAround, ListenAround {
  readonly acme: AcmeSettings | undefined;
  /** At least 32 random bytes, the same for all instances behind one name. */
  readonly secret: Uint8Array;
}

/** @throws Fault `config`, `listen` */
export async function openEntrance(
  site: 'public' | 'console',
  where: Listening,
  serve: RequestListener,
  around: EntranceAround,
): Promise<Entrance> {
  if ('certificateFile' in where) {
    const certificate = certificateOfFiles(where, around);
    return { certificate, ...(await listen(serve, where.listen, certificate, around)) };
  }
  const { acme, secret } = around;
  if (acme === undefined) throw new Fault('config', `acme: missing (${site}.names wants a certificate)`);
  const key = accountKeyOf(secret);
  const certificate = certificateByAcme(where, { site, acme, key }, around);
  const plain = await listenPlain(plainSite(key.thumbprint, where.names), where.plain, around);
  try {
    const secure = await listen(beforeSite(key.thumbprint, serve), where.listen, certificate, around);
    const close = async (): Promise<void> => {
      await secure.close();
      await plain.close();
    };
    return { certificate, ...secure, close };
  } catch (thrown) {
    await plain.close();
    throw thrown;
  }
}
