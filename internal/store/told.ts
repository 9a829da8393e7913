// Told: reads for callers who are told what came of them. A read that broke in the middle has changed nothing, so that whoever asked may
// ask again; `ambiguous` is a word for writes.

import { Fault } from '#internal/errors/errors.ts';
import { type Etcd, failureCode } from '#internal/etcd/etcd.ts';

const broken: ReadonlySet<string | undefined> = new Set(['ambiguous', 'behind']);

/** For transactions that only read, too. @throws Fault `unavailable` in place of `ambiguous` and `behind` */
export function toldReads(etcd: Etcd): Etcd {
  const told = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (thrown) {
      if (!(thrown instanceof Fault) || !broken.has(failureCode(thrown))) throw thrown;
      throw new Fault('unavailable', thrown.message, thrown);
    }
  };
  return {
    ...etcd,
    get: (...asked) => told(etcd.get(...asked)),
    list: (...asked) => told(etcd.list(...asked)),
    slice: (...asked) => told(etcd.slice(...asked)),
    txn: (...asked) => told(etcd.txn(...asked)),
    newest: (...asked) => told(etcd.newest(...asked)),
  };
}
