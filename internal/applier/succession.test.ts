import { assert, array, boolean, constantFrom, property, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Peer } from '#internal/dataplane/dataplane.ts';
import { createSuccession } from './succession.ts';

const link = 'p44w0';
const key = (name: string): string => `${link} ${name}`;
const peer = (publicKey: string, allowedIps: readonly string[], successorOf?: string): Peer => ({
  link,
  publicKey,
  allowedIps,
  keepaliveSeconds: 0,
  ...(successorOf === undefined ? {} : { successorOf }),
});
const address = ['44.31.0.1/32', '2001:db8:44:1::/64'];

/** What was asked, and what the succession makes of it. */
function half(shaken: readonly string[] = [], found: readonly Peer[] = []) {
  const succession = createSuccession((peer) => shaken.some((name) => key(name) === peer));
  const want = new Map<string, Peer>();
  const there = new Map(found.map((one) => [key(one.publicKey), one]));
  return {
    succession,
    want,
    ask(puts: readonly Peer[], removes: readonly string[] = []) {
      for (const one of puts) want.set(key(one.publicKey), one);
      for (const gone of removes) want.delete(key(gone));
      const touched = [...puts.map(({ publicKey }) => publicKey), ...removes].map(key);
      return succession.settle(touched, want, there);
    },
    shook: (name: string) => succession.shook([key(name)], want),
    ipsOf: (name: string) => want.get(key(name))?.allowedIps,
  };
}
const both = [peer('old', address), peer('new', [], 'old')];

describe('a successor [T6]', () => {
  test('has nothing until it shakes hands, and everything from then on', () => {
    const { succession, ask, shook, ipsOf } = half();
    expect(ask(both)).toEqual([]);
    expect([ipsOf('old'), ipsOf('new'), succession.waiting()]).toEqual([address, [], true]);
    expect(shook('old')).toEqual([]);
    expect(shook('new').toSorted()).toEqual([key('new'), key('old')]);
    expect([ipsOf('old'), ipsOf('new'), succession.waiting()]).toEqual([[], address, false]);
    expect(shook('new')).toEqual([]);
  });

  test('keeps them when the want is told again, in whatever parts', () => {
    const { ask, shook, ipsOf } = half();
    ask(both);
    shook('new');
    const fewer = address.slice(0, 1);
    ask([peer('old', fewer)]);
    expect([ipsOf('old'), ipsOf('new')]).toEqual([[], fewer]);
  });

  test('is an ordinary peer once the store knows of it', () => {
    const { succession, ask, shook, ipsOf } = half();
    ask(both);
    shook('new');
    ask([peer('new', address)], ['old']);
    expect([ipsOf('old'), ipsOf('new'), succession.waiting()]).toEqual([undefined, address, false]);
  });

  test.each([false, true])('that is taken back leaves the old key as it was; shaken: %s', (taken) => {
    const { succession, ask, shook, ipsOf } = half();
    ask(both);
    if (taken) shook('new');
    ask([], ['new']);
    expect([ipsOf('old'), ipsOf('new'), succession.waiting()]).toEqual([address, undefined, false]);
  });

  test.each<[string, Parameters<typeof half>]>([
    ['holds them', [[], [peer('new', address)]]],
    ['has shaken hands', [['new'], []]],
  ])('that %s before this half was started has taken over', (_name, before) => {
    const { succession, ask, ipsOf } = half(...before);
    ask(both);
    expect([ipsOf('old'), ipsOf('new'), succession.waiting()]).toEqual([[], address, false]);
  });

  test('whose predecessor comes later waits like any other', () => {
    const { ask, shook, ipsOf } = half();
    ask([peer('new', [], 'old')]);
    expect(shook('new')).toEqual([]);
    ask([peer('old', address)]);
    expect([ipsOf('old'), ipsOf('new')]).toEqual([[], address]);
  });
});

test('whatever is asked in whatever order, no address has two peers, and none is lost [T6] [T9]', () => {
  const names = ['a', 'b', 'c', 'd'];
  const step = record({
    tunnel: constantFrom('1', '2'),
    what: constantFrom('plain', 'open', 'take back', 'promote', 'shake', 'again'),
    split: boolean(),
  });
  assert(
    property(array(step, { maxLength: 30 }), (steps) => {
      const { ask, shook, want, succession } = half();
      const tunnels = new Map(['1', '2'].map((id) => [id, { current: `${id}a`, next: '' }]));
      let made = 0;
      for (const { current } of tunnels.values()) ask([peer(current, [current.slice(0, 1)])]);
      for (const { tunnel: id, what, split } of steps) {
        const tunnel = tunnels.get(id) ?? { current: '', next: '' };
        const now = (): readonly Peer[] => [
          peer(tunnel.current, [id]),
          ...(tunnel.next === '' ? [] : [peer(tunnel.next, [], tunnel.current)]),
        ];
        if (what === 'open' && tunnel.next === '') {
          made += 1;
          tunnel.next = `${id}${names[made % names.length]}${made}`;
          ask(split ? now().slice(1) : now());
        } else if (what === 'take back' && tunnel.next !== '') {
          const gone = tunnel.next;
          tunnel.next = '';
          ask([], [gone]);
        } else if (what === 'promote' && tunnel.next !== '') {
          const gone = tunnel.current;
          Object.assign(tunnel, { current: tunnel.next, next: '' });
          ask(now(), [gone]);
        } else if (what === 'shake') shook(tunnel.next);
        else ask(split ? now().slice(0, 1) : now());
        for (const each of ['1', '2']) {
          expect([...want.values()].filter(({ allowedIps }) => allowedIps.includes(each))).toHaveLength(1);
        }
      }
      for (const { next } of tunnels.values()) shook(next);
      expect(succession.waiting()).toBe(false);
    }),
  );
});
