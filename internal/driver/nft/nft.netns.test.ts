import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { emptyDataplane, type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { createLog } from '#internal/log/log.ts';
import { plan } from '#internal/plan/plan.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { type NftDriver, openNft } from './nft.ts';

const netns = { transport: '/run/netns/nftt', pop: '/run/netns/nftp' };
const stateDir = mkdtempSync(join(tmpdir(), 'pop44-nft-'));

const nft = (...args: readonly string[]): string =>
  execFileSync('ip', ['netns', 'exec', 'nftp', 'nft', ...args], { encoding: 'utf8', stdio: 'pipe' });

beforeAll(() => {
  mkdirSync('/run/netns', { recursive: true });
  for (const name of ['nftt', 'nftp']) execFileSync('ip', ['netns', 'add', name]);
});
afterAll(() => {
  for (const name of ['nftt', 'nftp']) execFileSync('ip', ['netns', 'del', name]);
  rmSync(stateDir, { recursive: true });
});

let driver: NftDriver;
let reasons: string[];
const open = async (): Promise<void> => {
  driver = await openNft({ netns, stateDir, clock: realClock, log: createLog({}, 'silent') });
  reasons = [];
  driver.onDisturbance((reason) => reasons.push(reason));
};
beforeEach(open);
afterEach(async () => {
  await bring(emptyDataplane());
  nft('flush', 'ruleset');
  await driver.close();
});

const table = (verdict: string): string => `
set t4_32 { type ipv4_addr; }
set t6_64 { type ipv6_addr; }
set seen { type ipv4_addr; flags dynamic, timeout; timeout 1m; }
map pace { type ipv4_addr : classid; limit rate 1/minute burst 1 packets; }
map priorities { type ipv4_addr : classid; }
chain forward {
	type filter hook forward priority filter; policy accept;
	iifname "p44w0" ip saddr @t4_32 counter ${verdict}
	iifname "p44w0" ip6 saddr & ffff:ffff:ffff:ffff:: @t6_64 ${verdict}
}`;
const chainOnly = 'chain input { type filter hook input priority filter; policy accept; }';

function wanted(text: string | undefined, elements: readonly (readonly [string, string])[]): MutableDataplane {
  const into = emptyDataplane();
  if (text !== undefined) {
    put(into, 'ruleset', { netns: 'pop', text });
    put(into, 'ruleset', { netns: 'transport', text: chainOnly });
  }
  for (const [set, element] of elements) put(into, 'element', { netns: 'pop', set, element });
  return into;
}
const observed = async (): Promise<MutableDataplane> => ({ ...emptyDataplane(), ...(await driver.observe()) });
const drift = async (want: MutableDataplane) => plan(want, await observed());
const bring = async (want: MutableDataplane) => driver.apply(await drift(want));
const told = async (want: MutableDataplane) =>
  (await drift(want)).map(({ op, kind, key }) => `${op} ${kind} ${key}`).sort();

const some = [
  ['t4_32', '44.31.0.7'],
  ['t4_32', '44.31.0.8'],
  ['t6_64', '2001:db8:44:7::'],
  ['priorities', '44.31.0.7 : 1:11'],
  ['pace', '44.31.0.7 limit rate 600/minute burst 2 packets : 1:11'],
] as const;

test('what was applied is what is observed', async () => {
  const want = wanted(table('accept'), some);
  expect(await bring(want)).toEqual([]);
  expect(await driver.observe()).toEqual({ ruleset: want.ruleset, element: want.element });
  expect(nft('list', 'set', 'inet', 'pop44', 't4_32')).toContain('elements = { 44.31.0.7, 44.31.0.8 }');
});

test('a new text keeps the elements, in one transaction', async () => {
  await bring(wanted(table('accept'), some));
  const want = wanted(table('drop'), some);
  expect(await told(want)).toEqual(['change ruleset pop']);
  await bring(want);
  expect(await drift(want)).toEqual([]);
  expect(nft('list', 'table', 'inet', 'pop44')).toMatch(/44\.31\.0\.7[^]*drop/);
});

test('another value for a key of a map is one change, in one transaction', async () => {
  await bring(wanted(table('accept'), some));
  const want = wanted(table('accept'), [...some.slice(0, 3), ['priorities', '44.31.0.7 : 1:12'], ...some.slice(4)]);
  expect(await told(want)).toEqual(['change element pop priorities 44.31.0.7']);
  expect(await bring(want)).toEqual([]);
  expect(await drift(want)).toEqual([]);
  expect(nft('list', 'map', 'inet', 'pop44', 'priorities')).toContain('elements = { 44.31.0.7 : 1:12 }');
});

test('another limit of an element, or class beside it, is one change, in one transaction, and read back as it was written', async () => {
  const limited = (limit: string): MutableDataplane =>
    wanted(table('accept'), [...some.slice(0, 4), ['pace', `44.31.0.7 limit rate ${limit}`]]);
  for (const limit of [
    '600/minute burst 2 packets : none',
    '600/minute burst 2 packets : 1:1f',
    '47000000/minute burst 5 packets : 1:1f',
  ]) {
    await bring(limited(limit));
    expect(await told(limited(limit))).toEqual([]);
  }
  expect(await told(limited('7/minute burst 2 packets : 1:1f'))).toEqual(['change element pop pace 44.31.0.7']);
});

test('protocols and ports are read as they were written, whatever names the machine has for them', async () => {
  const text = `${table('accept')}\nset ports { type ipv4_addr . mark . inet_proto . inet_service; }`;
  const want = wanted(text, [...some, ['ports', '44.31.0.7 . 3 . 6 . 80'], ['ports', '44.31.0.7 . 0 . 17 . 5000']]);
  expect(await bring(want)).toEqual([]);
  nft('add', 'element', 'inet', 'pop44', 't4_32', '{ 9.9.9.9 }');
  await eventually(() => reasons.length > 0, 10_000);
  expect(await told(want)).toEqual(['remove element pop t4_32 9.9.9.9']);
});

test('a new text keeps what packets have put into its sets, and counted there', async () => {
  const counting = (rule: string): string =>
    `set denied4 { type ipv4_addr; size 99; flags dynamic, timeout; timeout 1d; }
chain output {
	type filter hook output priority filter; policy accept;
	update @denied4 { ip daddr counter }
	${rule}
}`;
  execFileSync('ip', ['-n', 'nftp', 'link', 'set', 'lo', 'up']);
  await bring(wanted(counting('accept'), []));
  execFileSync('ip', ['netns', 'exec', 'nftp', 'ping', '-n', '-q', '-c2', '-i0.01', '127.0.0.5']);
  const before = await driver.denials(['127.0.0.5/32', '127.0.0.6/32', '2001:db8::/64']);
  expect(before).toEqual([{ prefix: '127.0.0.5/32', packets: 2, bytes: 168 }]);
  await bring(wanted(counting('drop'), []));
  expect(await driver.denials(['127.0.0.5/32'])).toEqual(before);
  await expect(driver.denials(['127.0.0.5/32 }; flush ruleset'])).rejects.toThrow('is not a prefix');
});

test('a set that goes takes its elements along, one that changes its type is filled again', async () => {
  await bring(wanted(table('accept'), some));
  const text = table('accept')
    .replace('set t6_64 { type ipv6_addr; }', 'set t6_64 { type ipv4_addr; }')
    .replace(/iifname.*t6_64.*/, '')
    .replace(/map.*/, '');
  const want = wanted(text, [...some.slice(0, 2), ['t6_64', '1.2.3.4']]);
  expect(await bring(want)).toEqual([]);
  expect(reasons).toEqual([expect.stringContaining('took no elements')]);
  await bring(want);
  expect(await drift(want)).toEqual([]);
});

test.each<[string, readonly (readonly string[])[], readonly string[]]>([
  [
    'a removed element',
    [['delete', 'element', 'inet', 'pop44', 't4_32', '{ 44.31.0.7 }']],
    ['add element pop t4_32 44.31.0.7'],
  ],
  [
    'an extra element',
    [['add', 'element', 'inet', 'pop44', 't4_32', '{ 9.9.9.9 }']],
    ['remove element pop t4_32 9.9.9.9'],
  ],
  ['an extra rule', [['insert', 'rule', 'inet', 'pop44', 'forward', 'accept']], ['change ruleset pop']],
  [
    'a flushed ruleset',
    [['flush', 'ruleset']],
    ['add ruleset pop', ...some.map(([set, element]) => `add element pop ${set} ${element.split(' ')[0]}`)].sort(),
  ],
])('%s is told at once and mended', async (_name, commands, expected) => {
  const want = wanted(table('accept'), some);
  await bring(want);
  for (const command of commands) nft(...command);
  await eventually(() => reasons.length > 0, 10_000);
  expect(reasons[0]).toMatch(/^pop: table inet pop44 was changed by nft \(process \d+\)$/);
  expect(await told(want)).toEqual(expected);
  await bring(want);
  expect(await drift(want)).toEqual([]);
});

test('changes of our own are no disturbance', async () => {
  await bring(wanted(table('accept'), some));
  await bring(wanted(table('drop'), some.slice(2)));
  // The same stream tells of another's change behind them.
  nft('add', 'element', 'inet', 'pop44', 't4_32', '{ 1.1.1.1 }');
  await eventually(() => reasons.length > 0, 10_000);
  expect(reasons).toHaveLength(1);
});

test('a table that is gone has no elements, whatever the monitor has yet to tell', async () => {
  const want = wanted(table('accept'), some);
  await bring(want);
  const monitors = execFileSync('pgrep', ['-f', 'nft monitor$'], { encoding: 'utf8' }).trim().split('\n').map(Number);
  for (const pid of monitors) process.kill(pid, 'SIGSTOP');
  try {
    nft('delete', 'table', 'inet', 'pop44');
    expect(await told(want)).toHaveLength(some.length + 1);
  } finally {
    for (const pid of monitors) process.kill(pid, 'SIGCONT');
  }
  await eventually(() => reasons.length > 0, 10_000);
  expect(await bring(want)).toEqual([]);
  expect(await drift(want)).toEqual([]);
});

test('tables of others and their changes are left alone', async () => {
  nft('add', 'table', 'ip', 'filter');
  nft('add', 'chain', 'ip', 'filter', 'mine');
  await bring(wanted(table('accept'), some));
  nft('add', 'table', 'inet', 'pop44x');
  nft('add', 'table', 'ip', 'pop44');
  await bring(emptyDataplane());
  expect(nft('list', 'tables').trim().split('\n')).toEqual(['table ip filter', 'table inet pop44x', 'table ip pop44']);
  expect(reasons).toEqual([]);
});

test('a restarted driver knows the table that it left', async () => {
  const want = wanted(table('accept'), some);
  await bring(want);
  await driver.close();
  await open();
  expect(await drift(want)).toEqual([]);
});

test('what packets put into a set is not looked into', async () => {
  const want = wanted(table('accept'), some);
  await bring(want);
  nft('add', 'element', 'inet', 'pop44', 'seen', '{ 5.5.5.5 }');
  expect(await drift(want)).toEqual([]);
});

test('sources that have shaken hands are known, also to a table that is made anew [S1]', async () => {
  const transport = (...args: readonly string[]): string =>
    execFileSync('ip', ['netns', 'exec', 'nftt', 'nft', ...args], { encoding: 'utf8', stdio: 'pipe' });
  const sets = ['4', '6'].map((family) => `set known${family} { type ipv${family}_addr; flags timeout; timeout 1d; }`);
  const want = emptyDataplane();
  // Before there is a table.
  await driver.known(['198.18.1.1']);
  put(want, 'ruleset', { netns: 'transport', text: [...sets, chainOnly].join('\n') });
  await bring(want);
  await driver.known(['198.18.1.2', '2001:db8:7::5']);
  await driver.known(['198.18.1.2']);
  // From a sibling that is not what it was: the others are known, and the next table is made.
  await expect(driver.known(['x; flush ruleset', '198.18.1.3'])).rejects.toThrow('is not an address');
  const listed = (): string => transport('list', 'table', 'inet', 'pop44');
  const all = ['198.18.1.1', '198.18.1.2', '198.18.1.3', '2001:db8:7::'];
  for (const address of all) expect(listed()).toContain(`${address} expires`);
  expect(reasons).toEqual([]);
  expect((await driver.observe()).element.size).toBe(0);
  transport('delete', 'table', 'inet', 'pop44');
  await eventually(() => reasons.length > 0, 10_000);
  await bring(want);
  for (const address of all) expect(listed()).toContain(`${address} expires`);
});

test('one bad element does not stop the others', async () => {
  const good = Array.from({ length: 300 }, (_, n) => ['t4_32', `10.0.${n >> 8}.${n & 255}`] as const);
  const want = wanted(table('accept'), [
    ...good,
    ['t4_32', '2001:db8::1'],
    ['t4_32', '1 }; flush ruleset'],
    ['nowhere', '1.2.3.4'],
  ]);
  const failures = await bring(want);
  expect(failures.map(({ step, message }) => `${step.key}: ${message}`).sort()).toEqual([
    expect.stringContaining('pop nowhere 1.2.3.4: nft: '),
    'pop t4_32 1 }; flush ruleset: "1 }; flush ruleset" is not an element',
    expect.stringContaining('pop t4_32 2001:db8::1: nft: '),
  ]);
  expect((await driver.observe()).element.size).toBe(300);
});

test.each([
  ['a word that nft does not know', 'chain forward { type filter hook forward priority filter; allow; }'],
  ['a text that leaves our table', '} table ip filter { chain x { }'],
  ['a text that reads a file', 'include "/etc/nftables.conf"'],
])('%s is refused and the old table stays', async (_name, text) => {
  const want = wanted(table('accept'), some);
  await bring(want);
  expect(await bring(wanted(text, some))).toHaveLength(1);
  expect(await drift(want)).toEqual([]);
});

test('nft itself takes the goldens and refuses the bad file (fwd is a word of its language)', () => {
  const golden = (name: string): string => new URL(`testdata/${name}`, import.meta.url).pathname;
  nft('-f', golden('listing.txt'));
  nft('--check', '-f', golden('anew.nft'));
  nft('--check', '-f', golden('fitted.nft'));
  expect(() => nft('--check', '-f', golden('bad.nft'))).toThrow('syntax error, unexpected fwd');
});

test('a killed nft -i is started again', async () => {
  const want = wanted(table('accept'), some);
  await bring(want);
  const children = execFileSync('pgrep', ['-P', String(process.pid), '-x', 'nft'], { encoding: 'utf8', stdio: 'pipe' });
  for (const pid of children.trim().split('\n')) process.kill(Number(pid), 'SIGKILL');
  const more = wanted(table('accept'), [...some, ['t4_32', '44.31.0.9']]);
  await eventually(async () => (await bring(more)).length === 0, 10_000);
  expect(await drift(more)).toEqual([]);
});

const leased = `
set lease { type inet_proto; size 4; flags dynamic,timeout; timeout 400ms; }
chain output {
	type filter hook output priority filter; policy accept;
	meta l4proto @lease counter
}`;
const wantLease = (): MutableDataplane => {
  const into = emptyDataplane();
  put(into, 'ruleset', { netns: 'transport', text: leased });
  return into;
};

test('a lease stands from its beginning to its end, and runs out where nothing renews it [N7]', async () => {
  // Ended before there is any table: nothing to say.
  await driver.lease.end();
  expect(await driver.lease.stands()).toBe(false);
  await bring(wantLease());
  expect(await driver.lease.stands()).toBe(false);
  await driver.lease.begin();
  await driver.lease.end();
  expect(await driver.lease.stands()).toBe(false);
  await driver.lease.begin();
  await eventually(async () => !(await driver.lease.stands()), 5_000);
  // What runs out is no drift.
  expect(await told(wantLease())).toEqual([]);
});

test('a lease that was begun is there again in a table that was made anew, one that was ended is not [N7]', async () => {
  const elements = () =>
    execFileSync('ip', ['netns', 'exec', 'nftt', 'nft', 'list', 'set', 'inet', 'pop44', 'lease'], { encoding: 'utf8' });
  const longer = (): MutableDataplane => {
    const into = emptyDataplane();
    put(into, 'ruleset', { netns: 'transport', text: leased.replace('400ms', '1h') });
    return into;
  };
  await bring(longer());
  await driver.lease.begin();
  execFileSync('ip', ['netns', 'exec', 'nftt', 'nft', 'delete', 'table', 'inet', 'pop44']);
  await bring(longer());
  expect(elements()).toContain('elements');
  await driver.lease.end();
  execFileSync('ip', ['netns', 'exec', 'nftt', 'nft', 'delete', 'table', 'inet', 'pop44']);
  await bring(longer());
  expect(elements()).not.toContain('elements');
});
