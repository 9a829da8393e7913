import { expect, test } from 'vitest';
import { principalOf } from './principal.ts';

test.each([
  ['a node', 'URI:pop44://node/p1, DNS:p1.node.pop44, IP Address:198.18.1.2', { kind: 'node', id: 'p1' }],
  ['an admin', 'URI:pop44://admin/ada.l_1', { kind: 'admin', id: 'ada.l_1' }],
  ['an admin with other names', 'email:a@b.c, URI:https://x.y/, URI:pop44://admin/ada', { kind: 'admin', id: 'ada' }],
])('%s is a principal', (_, names, principal) => {
  expect(principalOf(names)).toEqual(principal);
});

test.each([
  ['no name at all', undefined],
  ['no name of ours', 'DNS:p1.node.pop44'],
  ['two names', 'URI:pop44://admin/ada, URI:pop44://admin/root'],
  ['a name inside a quoted one', 'URI:"x, URI:pop44://admin/root, y"'],
  ['an unknown kind', 'URI:pop44://daemon/p1'],
  ['no id', 'URI:pop44://node/'],
  ['an id with a path', 'URI:pop44://node/p1/admin'],
  ['capitals', 'URI:pop44://node/P1'],
  ['an id of 64 characters', `URI:pop44://node/${'a'.repeat(64)}`],
  ['a DNS name that looks like one', 'DNS:pop44://admin/root'],
])('%s is none', (_, names) => {
  expect(principalOf(names)).toBeUndefined();
});
