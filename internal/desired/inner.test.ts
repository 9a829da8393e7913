import { expect, test } from 'vitest';
import { FabricRouting } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { fold } from '#internal/model/model.ts';
import { withClub } from '#internal/testkit/club.ts';
import { routedBy, testKey, threePops } from '#internal/testkit/three-pops.ts';
import { desired, nextSessions, routingChange, type Self } from './desired.ts';

const { BESIDE, OSPF } = FabricRouting;
const nobody: ReadonlySet<string> = new Set();
const of = (snapshot: Snapshot, nodeId: string, self: Partial<Self> = {}) =>
  desired(snapshot, { nodeId, interconnectKeyFile: '/keys/interconnect', ...self }, nobody);
const textOf = (snapshot: Snapshot, nodeId: string, self: Partial<Self> = {}): string =>
  of(snapshot, nodeId, self).bird.get('pop')?.text ?? '';
const altered = (snapshot: Snapshot, nodeId: string, fields: object): Snapshot => {
  const record = { ...snapshot.nodes.get(nodeId)?.record, ...fields };
  const revision = snapshot.revision + 1n;
  const events = [{ kind: 'node', id: nodeId, stored: { revision, record } }] as unknown as Parameters<
    typeof fold
  >[1]['events'];
  return fold(snapshot, { revision, relisted: false, events }).snapshot;
};

/** What OSPF says of a node's links. */
const links = (text: string): readonly string[] =>
  [...text.matchAll(/interface "(p44[ij]-\S+)" \{ type ptp; cost (\d+); ecmp weight (\d+);/g)].map(
    ([, link, cost, weight]) => `${link} ${cost} ${weight}`,
  );

test('a club hears nothing of OSPF, and has its eBGP; nor has its node any [N5]', () => {
  const snapshot = routedBy(withClub(), OSPF);
  const text = textOf(snapshot, 'p1');
  expect(new Set(links(text))).toEqual(new Set(['p44i-p1-p2 10 16', 'p44i-p1-p2-2 10 16']));
  const sessions = [...text.matchAll(/protocol bgp (p44[ijr]\w+)/g)].map(([, name]) => name);
  expect(sessions).toEqual(['p44r_p2_4', 'p44i_p1_p3_4', 'p44r_p2_6', 'p44i_p1_p3_6']);
  expect(textOf(snapshot, 'p3')).not.toMatch(/ospf|p44r_|p44igp/);
  const rules = of(snapshot, 'p1').ruleset.get('pop')?.text ?? '';
  const ospf = rules.split('\n').filter((line) => line.includes('l4proto 89'));
  expect(ospf).toEqual([
    expect.stringContaining('iifname { "p44i-p1-p2", "p44i-p1-p2-2" } ip6 saddr fe80::/10'),
    expect.stringContaining('oifname { "p44i-p1-p2", "p44i-p1-p2-2" }'),
  ]);
  expect(of(snapshot, 'p3').ruleset.get('pop')?.text).not.toContain('l4proto 89');
});

test('what a path is worth is the share of its link, one that flaps costs two hops more, and who is drained much more [N5]', () => {
  const snapshot = routedBy(threePops(), OSPF);
  const shares = new Map([
    ['p44i-p1-p2', { weight: 4, detour: false }],
    ['p44i-p1-p3', { weight: 1, detour: true }],
  ]);
  const found = (at: Snapshot) => [...new Set(links(textOf(at, 'p1', { shares })))];
  expect(found(snapshot)).toEqual(['p44i-p1-p2 10 4', 'p44i-p1-p3 30 1']);
  const drained = altered(snapshot, 'p1', { drain: { by: 'admin/ada', reason: '' } });
  expect(found(drained)).toEqual(['p44i-p1-p2 1010 4', 'p44i-p1-p3 1030 1']);
  expect(textOf(drained, 'p1')).toContain('export filter { if source = RTS_BGP then bgp_community.add((65535, 0));');
});

test('both ends of a link have an address that OSPF speaks by, and none without OSPF', () => {
  const local = (snapshot: Snapshot, nodeId: string) =>
    [...of(snapshot, nodeId).address.values()].flatMap(({ dev, cidr }) =>
      cidr.startsWith('fe80:') ? [`${dev} ${cidr}`] : [],
    );
  const snapshot = routedBy(threePops(), BESIDE);
  expect(local(snapshot, 'p2')).toEqual(['p44i-p1-p2 fe80::44:2/64', 'p44i-p2-p3 fe80::44:1/64']);
  expect(local(threePops(), 'p2')).toEqual([]);
});

test('lifelines are what carries: adjacencies where OSPF leads, and sessions between loopbacks where nothing else tells', () => {
  const lines = (snapshot: Snapshot) =>
    new Map((of(snapshot, 'p1').bird.get('pop')?.lifelines ?? []).map(({ to, sessions }) => [to, sessions]));
  const ospf = lines(routedBy(threePops(), OSPF));
  expect(ospf.get('cores')).toEqual(
    ['p44i-p1-p2', 'p44i-p1-p3'].flatMap((link) => [`p44ospf4_${link}`, `p44ospf6_${link}`]),
  );
  expect(ospf.get('loopbacks')).toEqual(['p44r_p2_4', 'p44r_p3_4', 'p44r_p2_6', 'p44r_p3_6']);
  const beside = lines(routedBy(threePops(), BESIDE));
  expect(beside.get('cores')).toContain('p44i_p1_p2_4');
  expect(beside.get('cores')).toContain('p44ospf4_p44i-p1-p2');
  expect(beside.has('loopbacks')).toBe(false);
  expect(
    lines(threePops())
      .get('cores')
      ?.every((name) => name.startsWith('p44i_')),
  ).toBe(true);
});

test('a node is ready for the other routing when it has every session of both, and says whose it lacks [N5]', async () => {
  const snapshot = routedBy(threePops(), BESIDE);
  const names = [
    ...['p44r_p2_4', 'p44r_p2_6', 'p44r_p3_4', 'p44r_p3_6'],
    ...['p44i_p1_p2_4', 'p44i_p1_p2_6', 'p44i_p1_p3_4', 'p44i_p1_p3_6'],
    ...['p44i-p1-p2', 'p44i-p1-p3'].flatMap((link) => [`p44ospf4_${link}`, `p44ospf6_${link}`]),
    ...['p44ospf4_198.18.210.2/32', 'p44ospf6_2001:db8:1:f2::1/128'],
    ...['p44ospf4_198.18.210.3/32', 'p44ospf6_2001:db8:1:f3::1/128'],
  ];
  const said = (at: Snapshot, standing: readonly string[]) => routingChange(at, 'p1', async () => standing);
  expect(await said(snapshot, names)).toBe('ready');
  for (const lost of names) {
    const far = /p2|\.2\/|f2:/.test(lost) ? 'p2' : 'p3';
    const standing = names.filter((name) => name !== lost);
    expect(await said(snapshot, standing), lost).toBe(`waits for sessions with ${far}`);
  }
  expect(await said(snapshot, [])).toBe('waits for sessions with p2, p3');
  for (const other of [threePops(), routedBy(threePops(), OSPF)]) expect(await said(other, [])).toBe('');
});

test('a rotation of keys waits for adjacencies over the second links where no eBGP is spoken there', () => {
  const links2 = {
    otherLink4: '172.30.0.100/31',
    otherLink6: 'fd44:0:0:1::100/127',
    otherPortA: 52000,
    otherPortB: 52000,
  };
  const before = routedBy(threePops(), OSPF);
  const revision = before.revision + 1n;
  const record = { ...before.interconnects.get('p1-p2')?.record, ...links2 };
  const events = [{ kind: 'interconnect', id: 'p1-p2', stored: { revision, record } }] as unknown as Parameters<
    typeof fold
  >[1]['events'];
  const snapshot = altered(fold(before, { revision, relisted: false, events }).snapshot, 'p1', {
    nextInterconnectPublicKey: testKey(900),
  });
  expect(nextSessions(snapshot, 'p1').get('p1-p2')).toEqual(['p44ospf4_p44j-p1-p2', 'p44ospf6_p44j-p1-p2']);
  expect(new Set(links(textOf(snapshot, 'p1')))).toEqual(
    new Set(['p44i-p1-p2 11 16', 'p44j-p1-p2 10 16', 'p44i-p1-p3 10 16']),
  );
});
