import { expect, test } from 'vitest';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { placeField } from './places.ts';
import { probeForm, probeRoute } from './probe-page.ts';
import type { Visit } from './visit.ts';

const north = { popId: 'north', description: 'Vienna', rttMs: 4.26, measuredBy: 'echo' };
const east = { popId: 'east', description: '', rttMs: 41.2, measuredBy: 'handshake' };
const south = { popId: 'south', description: 'Linz', problem: 'nothing came back' };
const near = { address: '198.18.90.2', pops: [north, east, south], proposedPopId: 'north', proposedBy: 'nearest' };

function visit(answers: Readonly<Record<string, unknown>>, form: Readonly<Record<string, string>> = {}) {
  const { client, sent } = recorder({
    whoAmI: { user: { callsign: 'OE1ADA' } },
    getTunnel: { tunnel: { id: 'ab12', name: 'shack' } },
    listPops: { pops: [{ id: 'north', acceptsTunnels: true }, { id: 'hub' }] },
    ...answers,
  });
  const made: Visit = {
    ...{ path: '/', params: { id: 'ab12' }, query: new URLSearchParams(), form: new URLSearchParams(form) },
    ...{ bearer: 'pop44_x', source: '198.18.90.2', userAgent: '', wantsJson: false, token: 'token' },
    ...{ client, call: { bearer: 'pop44_x', source: '198.18.90.2' } },
  };
  return { visit: made, sent };
}
const options = (text: string): readonly string[] =>
  [...text.matchAll(/<option([^>]*)>([^<]*)/g)].map(
    ([, given = '', label = '']) => `${label}${given.includes('selected') ? ' *' : ''}`,
  );

test('places stand with their distances, the nearest first and selected; what was chosen stays', async () => {
  const first = visit({ nearPops: near });
  const { text } = await placeField(first.visit);
  expect(options(text)).toEqual(['north (Vienna): 4.3 ms *', 'east: 41 ms', 'south (Linz)']);
  expect(first.sent[0]).toMatchObject({ method: 'nearPops', options: { source: '198.18.90.2', bearer: 'pop44_x' } });
  const again = await placeField(visit({ nearPops: near }, { pop: 'south' }).visit);
  expect(options(again.text)).toEqual(['north (Vienna): 4.3 ms', 'east: 41 ms', 'south (Linz) *']);
});

test('not measured: that is said, with the least loaded selected; and nobody who is asked too often loses the form', async () => {
  const unmeasured = { pops: [south, { ...south, popId: 'west' }], proposedPopId: 'south', proposedBy: 'least-loaded' };
  const told = await placeField(visit({ nearPops: unmeasured }).visit);
  expect(options(told.text)[0]).toBe('south (Linz) *');
  expect(told.text).toContain('Distances are not measured (nothing came back)');
  for (const failed of [
    new Refused(refuse('busy', { problem: 'you have asked too often', cure: '' })),
    new Fault('deadline', 'x'),
  ]) {
    const { text } = await placeField(visit({ nearPops: failed }).visit);
    expect(options(text)).toEqual(['Choose for me', 'north']);
  }
});

const probes = [
  {
    address: '44.31.0.7',
    asked: 'ping',
    reachable: true,
    rttMs: 12,
    cause: 'reachable',
    reason: 'it answers in 12 ms',
  },
  {
    ...{ address: '44.31.0.7', asked: 'tcp/80', cause: 'firewall', reason: 'no rule <admits> it' },
    cure: 'pop44 tunnel firewall set shack ping --allow tcp/80',
  },
  {
    address: '2001:db8:44:7::1',
    asked: 'ping',
    cause: 'no-reply',
    reason: 'it is silent',
    cure: 'on the device: look',
  },
];

async function answered(answers: Readonly<Record<string, unknown>>, form: Readonly<Record<string, string>>) {
  const { visit: made, sent } = visit(answers, form);
  const answer = await probeRoute.handle(made);
  if (!('page' in answer)) throw new Error('no page');
  const asked = sent.find(({ method }) => method === 'probeTunnel')?.request;
  return { status: answer.status, text: answer.page.body.text, asked };
}

test('the button asks for a port or for none, and the page says what was reached, why not, and what helps', async () => {
  expect(probeForm(visit({}).visit, { id: 'ab12' }).text).toContain('action="/tunnels/ab12/probe"');
  const told = await answered({ probeTunnel: { fromPopId: 'east', heldByNodeId: 'p1', probes } }, { port: ' 80 ' });
  expect([told.status, told.asked]).toEqual([undefined, { tunnel: 'ab12', port: 80 }]);
  for (const said of [
    'Not everything was reached.',
    'Ping of <span class="mono">44.31.0.7</span>: reached',
    'Port 80 of <span class="mono">44.31.0.7</span>: not reached',
    'no rule &lt;admits&gt; it.',
    'What helps: Change what may come in, on the page of the tunnel.',
    'What helps: on the device: look',
    'Asked from east; the device was last seen by p1.',
  ])
    expect(told.text).toContain(said);
  // A command is no cure in a page.
  expect(told.text).not.toContain('pop44 tunnel firewall');
  const reached = await answered({ probeTunnel: { fromPopId: 'east', reachable: true, probes: [probes[0]] } }, {});
  expect(reached.asked).toEqual({ tunnel: 'ab12', port: 0 });
  expect(reached.text).toContain('It is reachable.');
});

test.each(['0', '080', 'ssh', '123456', '-1'])('port %s is told at its field, and nobody is asked', async (port) => {
  const { status, text, asked } = await answered({}, { port });
  expect([status, asked]).toEqual([422, undefined]);
  expect(text).toContain('id="port-problem"');
  expect(text).toContain(`value="${port}"`);
});

test('who asks too often is told when to come again', async () => {
  const busy = new Refused(refuse('busy', { problem: 'you have asked too often', cure: 'retry in 9 s' }));
  const { status, text } = await answered({ probeTunnel: busy }, {});
  expect([status, text]).toEqual([429, expect.stringContaining('Retry in 9 s') as unknown]);
});
