import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { refuse } from '#internal/errors/errors.ts';
import { UserRole } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { tokenRoutes } from './token-pages.ts';
import type { Visit } from './visit.ts';

const secret = Buffer.alloc(32, 7);

function scene(answers: object = {}, form: object = {}) {
  const { client, sent } = recorder({ whoAmI: { user: { callsign: 'OE1ADA' } }, ...answers });
  const visit = { query: new URLSearchParams(), form: new URLSearchParams({ ...form }), token: 't', call: {}, client };
  return {
    sent,
    async ask(method: 'GET' | 'POST', path: string) {
      const route = tokenRoutes({ newSecret: () => secret }).find(
        (each) => each.path === path && each.method === method,
      );
      const answer = await route?.handle(visit as unknown as Visit);
      return { answer, text: answer !== undefined && 'page' in answer ? answer.page.body.text : '' };
    },
  };
}

test('a token is shown once, where it was made, and its daemon is told a hash alone', async () => {
  const { ask, sent } = scene({}, { name: 'backup', scope_read: 'yes', scope_manage: 'no', days: '30' });
  const { text } = await ask('POST', '/tokens');
  expect(text).toContain(`<pre tabindex="0">pop44_${secret.toString('base64url')}</pre>`);
  const request = { name: 'backup', scopes: ['read'], validDays: 30, secretHash: hash('sha256', secret, 'buffer') };
  expect(sent.find(({ method }) => method === 'createToken')).toMatchObject({ request });
  expect(JSON.stringify(sent)).not.toContain(secret.toString('base64url'));
  expect((await ask('GET', '/tokens')).text).not.toContain('pop44_');
});

test('what was refused stands at its field, with what was chosen, and there is no token then', async () => {
  const refused = refuse('required', { field: 'scopes', problem: 'are missing', cure: 'one or more of read' });
  const { ask } = scene({ createToken: new Refused(refused) }, { name: 'backup', days: '7' });
  const { answer, text } = await ask('POST', '/tokens');
  expect(answer).toMatchObject({ status: 422 });
  expect(text).toContain('Scopes are missing');
  expect(text).toMatch(/value="backup"[^]*value="7" selected/);
  expect(text).not.toContain('pop44_');
});

test.each([
  [UserRole.USER, ['read', 'tunnels']],
  [UserRole.AUDITOR, ['read']],
  [UserRole.GLOBAL_ADMIN, ['read', 'tunnels', 'manage']],
])('role %d is offered what it could use', async (role, offered) => {
  const { ask } = scene({ whoAmI: { user: { callsign: 'OE1ADA', role } } });
  const { text } = await ask('GET', '/tokens');
  expect([...text.matchAll(/name="scope_(\w+)"/g)].map(([, scope]) => scope)).toEqual(offered);
});

test('tokens are listed with what they may, and ended by id', async () => {
  const tokens = [{ id: 'ab12', name: 'backup', scopes: ['read', 'tunnels'] }];
  const { ask, sent } = scene({ listTokens: { tokens } }, { id: 'ab12' });
  expect((await ask('GET', '/tokens')).text).toMatch(
    /backup<\/div><\/th><td data-label="May"><div>read, tunnels<\/div>/,
  );
  expect((await ask('POST', '/tokens/end')).answer).toEqual({ to: '/tokens?said=ended' });
  expect(sent.at(-1)).toMatchObject({ method: 'revokeToken', request: { token: 'ab12' } });
});
