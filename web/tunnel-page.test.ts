import { expect, test } from 'vitest';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { tunnelPage } from './tunnel-page.ts';
import type { Visit } from './visit.ts';

const user = { callsign: 'OE1ADA', owner: 'user/3f2a8c1b9d04' };
const tunnel = { id: 'ab12', name: 'repeater', enabled: true, popIds: ['p1', 'p2'], publicKey: 'A'.repeat(44) };

function page(answers: object) {
  const { client } = recorder({ whoAmI: { user }, getTunnel: { tunnel }, ...answers });
  const visit = {
    params: { id: 'ab12' },
    query: new URLSearchParams(),
    form: new URLSearchParams(),
    token: 't',
    call: {},
  };
  return tunnelPage({ ...visit, client } as unknown as Visit);
}

test('a page gives no file and no key to a tunnel with a pre-shared key, but the lines that do', async () => {
  const shared = { ...tunnel, hasPresharedKey: true, nextPublicKey: 'B'.repeat(44) };
  const { text } = (await page({ getTunnel: { tunnel: shared } })).body;
  expect(text).not.toMatch(/id="(rotate|again|file-panel)"|<noscript>/);
  for (const verb of ['file ab12 --key-file', 'rotate-key ab12 --old-file', 'rotate-psk ab12 --key-file'])
    expect(text).toContain(`<code>pop44 tunnel ${verb} OLD.conf`);
  // An open rotation may still be ended.
  expect(text).toContain('Give it up');
  expect((await page({})).body.text).toMatch(/id="file-panel"[^]*id="again"[^]*id="rotate"/);
});

const notReady = refuse('not-ready', { field: 'tunnel', value: 'ab12', problem: 'has no addresses', cure: '' });
test.each([
  ['refused', { getTunnelTemplate: new Refused(notReady) }, 'has no addresses'],
  ['not to be had', { getTunnelTemplate: new Fault('unavailable', 'away') }, 'No daemon can be reached'],
  ['told', { getTunnelUsage: new Fault('deadline', 'slow') }, 'repeater'],
])('the page stands when its file is %s, or its bytes are not', async (_, answers, said) => {
  const { text } = (await page(answers)).body;
  expect(text).toContain(said);
  expect(text).toContain('Delete the tunnel');
});

test('what has ended has no page', async () => {
  const ended = new Refused(refuse('unauthenticated', { problem: 'the login has ended', cure: '' }));
  await expect(page({ getTunnelTemplate: ended })).rejects.toThrow(ended);
});
