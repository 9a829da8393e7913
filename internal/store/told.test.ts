import { expect, test } from 'vitest';
import { Fault } from '#internal/errors/errors.ts';
import type { Etcd } from '#internal/etcd/etcd.ts';
import { deletedTunnel, readDeleted } from './deleted-log.ts';
import { toldReads } from './told.ts';

const breaking = (code: string): Etcd => {
  const fails = async (): Promise<never> => {
    throw new Fault(code, 'etcd: read ECONNRESET');
  };
  return { get: fails, slice: fails } as unknown as Etcd;
};

test.each([
  ['ambiguous', 'unavailable'],
  ['behind', 'unavailable'],
  ['unavailable', 'unavailable'],
  ['rejected', 'rejected'],
])('a read that failed as %s is told as %s: whoever asked may ask again', async (code, told) => {
  const etcd = toldReads(breaking(code));
  const failed = { code: told, message: expect.stringContaining('ECONNRESET') };
  await expect(deletedTunnel(etcd, '95845a19c60b')).rejects.toMatchObject(failed);
  await expect(readDeleted(etcd).next()).rejects.toMatchObject(failed);
});
