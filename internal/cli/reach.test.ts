import { expect, test } from 'vitest';
import { Fault } from '#internal/errors/errors.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { testKey } from '#internal/testkit/three-pops.ts';

const near = {
  ...{ address: '198.18.90.2', proposedPopId: 'north', proposedBy: 'nearest' },
  pops: [
    { popId: 'north', description: 'Vienna', rttMs: 4.26, measuredBy: 'echo' },
    { popId: 'east', description: 'Graz', rttMs: 41.2, measuredBy: 'handshake' },
    { popId: 'south', description: 'Linz', problem: 'it is not heard' },
  ],
};
const create = `tunnel create shack --public-key ${testKey(1)}`;
const homeIn = (sent: readonly { readonly method: string; readonly request: unknown }[]): unknown => {
  const made = sent.find(({ method }) => method === 'createTunnel');
  return made && (made.request as { readonly homePopId: string }).homePopId;
};

test('the places stand as they were told, and which it would be', async () => {
  const { client } = recorder({ nearPops: near });
  const { code, stdout, stderr } = await cli(client, 'pop near');
  expect([code, stderr]).toEqual([0, 'place: north (4.3 ms, the nearest of 2 measured from 198.18.90.2)\n']);
  expect(stdout.split('\n')).toEqual([
    'north\t4.3 ms\techo\tVienna',
    'east\t41 ms\thandshake\tGraz',
    'south\tnot measured: it is not heard\t\tLinz',
    '',
  ]);
});

test('a tunnel without a place gets the nearest, and that is said; one with a place is asked nothing', async () => {
  const { client, sent } = recorder({ nearPops: near });
  const made = await cli(client, create);
  expect([made.code, homeIn(sent)]).toEqual([0, 'north']);
  expect(made.stderr).toContain('place: north (4.3 ms');
  for (const place of ['--home east', '--pop east', '--owner club']) {
    const told = recorder({ nearPops: near });
    expect((await cli(told.client, `${create} ${place}`)).code).toBe(0);
    expect(told.sent.map(({ method }) => method)).not.toContain('nearPops');
  }
});

test('not measured: that is said, and the tunnel is created', async () => {
  const [first] = near.pops;
  const unmeasured = { popId: first?.popId ?? '', problem: 'nothing came back' };
  const loaded = recorder({ nearPops: { proposedPopId: 'east', proposedBy: 'least-loaded', pops: [unmeasured] } });
  const made = await cli(loaded.client, create);
  expect([made.code, homeIn(loaded.sent)]).toEqual([0, 'east']);
  expect(made.stderr).toContain('place: east (distance not measured: nothing came back');
  const old = recorder({ nearPops: new Fault('unimplemented', 'unknown method NearPops') });
  const without = await cli(old.client, create);
  expect([without.code, homeIn(old.sent)]).toEqual([0, '']);
  expect(without.stderr).toContain('distance not measured: unknown method NearPops');
});

const probe = {
  address: '44.31.0.7',
  asked: 'ping',
  reachable: true,
  rttMs: 12,
  cause: 'reachable',
  reason: 'it answers',
};
const shut = { ...probe, asked: 'tcp/80', reachable: false, rttMs: undefined, cause: 'firewall', reason: 'no rule' };

test('a probe ends with 0 when all was reached, and with 1, cause and cure when not', async () => {
  const good = recorder({
    probeTunnel: { fromPopId: 'east', fromNodeId: 'p2', heldByNodeId: 'p1', reachable: true, probes: [probe] },
  });
  const reached = await cli(good.client, 'tunnel probe shack');
  expect([reached.code, reached.stdout]).toEqual([0, '44.31.0.7\tping\t12 ms\treachable\tit answers\n']);
  expect(reached.stderr).toBe('asked from east (p2); the device was last seen by p1\n');
  const bad = recorder({ probeTunnel: { fromPopId: 'east', probes: [probe, { ...shut, cure: 'pop44 x' }] } });
  const { code, stdout, stderr } = await cli(bad.client, 'tunnel probe shack --port 80');
  expect(bad.sent[0]?.request).toEqual({ tunnel: 'shack', port: 80 });
  expect([code, stdout.split('\n')[1]]).toEqual([1, '44.31.0.7\ttcp/80\tno\tfirewall\tno rule']);
  expect(stderr).toContain('what helps: pop44 x\n');
});

test.each(['0', '65536', 'ssh', '-1', '08'])('port %s is usage', async (port) => {
  const { client, sent } = recorder();
  expect((await cli(client, ['tunnel', 'probe', 'shack', `--port=${port}`])).code).toBe(2);
  expect(sent).toEqual([]);
});
