// Etcd side: a daemon's side of a real etcd, followed by the real store.

import { realClock } from '#internal/clock/clock.ts';
import { emptySnapshot, fold, type Snapshot } from '#internal/model/model.ts';
import { createPeopleHead, type PeopleHead } from '#internal/people/people.ts';
import { openStore, type Store } from '#internal/store/store.ts';
import { createHead, type Head } from '#internal/submit/submit.ts';
import { testProgressNotifyMs } from './etcd.ts';

export interface EtcdSide extends Disposable {
  readonly store: Store;
  readonly head: Head;
  readonly people: PeopleHead;
}

export function etcdSide(endpoint: string, onAdvance: (snapshot: Snapshot) => void = () => {}): EtcdSide {
  const ended = new AbortController();
  const store = openStore({
    endpoints: [endpoint],
    clock: realClock,
    nodeId: 'p1',
    progressNotifyMs: testProgressNotifyMs,
  });
  const head = createHead(emptySnapshot());
  const following = (async () => {
    for await (const batch of store.follow(ended.signal)) {
      const { snapshot, changes } = fold(head.snapshot(), batch);
      head.advance(snapshot, changes);
      onAdvance(snapshot);
    }
  })();
  const people = createPeopleHead();
  const followingPeople = (async () => {
    for await (const batch of store.people.follow(ended.signal)) people.advance(batch);
  })();
  for (const each of [following, followingPeople]) each.catch(() => undefined);
  return {
    store,
    head,
    people,
    [Symbol.dispose]() {
      ended.abort(new Error('test over'));
      store.close();
    },
  };
}
