import { expect, test } from 'vitest';
import { key, type Peer } from '#internal/dataplane/dataplane.ts';
import { createCalls } from './calls.ts';
import { peerChange, renderPeers } from './render.ts';

const peer: Peer = {
  link: 'p44w0',
  publicKey: 'egQEg7eAXLZ5n5GmGqt0c9m1SfSBfxQlZu9syyAHSV0=',
  allowedIps: ['44.31.0.7/32'],
  keepaliveSeconds: 0,
};
const name = key('peer', peer);
const call = { peer, endpoint: '198.18.0.2:6000' };
const called = (): Map<string, Peer> => new Map([[name, { ...peer, keepaliveSeconds: 25 }]]);

test('a first call and the end of one never make a peer that is gone [T9]', () => {
  const calls = createCalls();
  for (const steps of [calls.dial([call], false), calls.hangUp([peer])]) {
    const changes = steps.flatMap((step) => (step.kind === 'peer' ? [peerChange(step)] : []));
    expect(renderPeers(changes).match(/update_only=true/g)).toHaveLength(1);
  }
});

test('what a call leaves on the device is no drift, until the applier has written the peer', () => {
  const calls = createCalls();
  calls.dial([call], false);
  const during = called();
  calls.uncalled(during);
  expect(during.get(name)).toEqual(peer);
  // It is another's now, who wants a keepalive of its own.
  calls.settled([{ op: 'add', kind: 'peer', key: name, want: { ...peer, keepaliveSeconds: 25 } }]);
  const after = called();
  calls.uncalled(after);
  expect(after.get(name)?.keepaliveSeconds).toBe(25);
});
