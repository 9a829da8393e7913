import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  adjacenciesIn,
  createReplyParser,
  lastText,
  type Med,
  parseBfdSessions,
  parseMeds,
  parseProtocols,
  parseStatus,
  reachedIn,
  type Reply,
  succeeded,
} from './parse.ts';
import { checkBird, commands, filesOf } from './render.ts';

/** Answers of BIRD 2.0.12, word for word. */
const answers = {
  greeting: '0001 BIRD 2.0.12 ready.\n',
  status: `1000-BIRD 2.0.12
1011-Router ID is 1.1.1.1
 Hostname is vm
 Current server time is 2026-11-22 17:32:21.151
 Last reboot on 2026-11-22 17:32:20.493
 Last reconfiguration on 2026-11-22 17:32:22.955
0013 Daemon is up and running
`,
  protocols: `2002-Name       Proto      Table      State  Since         Info
1002-p44device  Device     ---        up     17:32:20.493  
 k4         Kernel     master4    up     17:32:20.493  
 b1         BGP        ---        start  17:32:20.493  Active        Socket: Connection refused
0000 
`,
  bfd: `1020-p44bfd:
 IP address                Interface  State      Since         Interval  Timeout
 172.30.0.0                v1         Up         17:36:16.100    0.100    0.300
 fe80::1                   p44i-a     Down       17:36:16.100    1.000    0.000
0000 
`,
  adjacencies: `1013-p44ospf4:
     Router ID   \tPri\t     State     \tDTime\tInterface  Router IP
     198.18.210.2\t  1\tFull/PtP  \t 9.973\tp44i-p1-p2 fe80::44:2
     198.18.210.3\t  1\tExStart/PtP\t 9.984\tp44i-p1-p3 fe80::44:2
0000 
`,
  reached: `1007-Table p44igp4:
 198.18.210.4/32      unicast [p44ospf4 15:09:46.191] * I (150/20) [198.18.210.4]
 \tvia 172.30.0.1 on p44i-12 weight 16
 \tvia 172.30.0.3 on p44i-13 weight 16
 198.18.210.5/32      unreachable [p44ospf4 15:09:46.191] * I (150/20) [198.18.210.5]
 172.30.0.2/31        unicast [p44ospf4 15:09:39.191] * I (150/10) [198.18.210.1]
 \tdev p44i-13
0000 
`,
  noOspf: '9001 syntax error, unexpected CF_SYM_UNDEFINED, expecting END or CF_SYM_KNOWN or TEXT\n',
  noBfd: '9001 There is no BFD protocol running\n',
  refused: `0002-Reading configuration from /run/p1/pop.bird.candidate
8002 /run/p1/pop.bird.candidate:1:10 syntax error, unexpected CF_SYM_UNDEFINED
`,
  loaded: `0002-Reading configuration from /run/p1/pop.bird.conf
0022-Undo scheduled in 20 s
0003 Reconfigured
`,
};

function read(...pieces: readonly string[]): readonly Reply[] {
  const replies: Reply[] = [];
  const parse = createReplyParser((reply) => replies.push(reply));
  for (const piece of pieces) parse(piece);
  return replies;
}
const one = (text: string): Reply => read(text)[0] ?? { code: -1, lines: [] };

test('answers are the same however the socket cuts them', () => {
  const all = Object.values(answers).join('');
  const whole = read(all);
  expect(whole).toHaveLength(Object.keys(answers).length);
  fc.assert(
    fc.property(fc.array(fc.nat({ max: all.length }), { maxLength: 6 }), (cuts) => {
      const sorted = [0, ...cuts.sort((a, b) => a - b), all.length];
      const pieces = sorted.slice(1).map((end, at) => all.slice(sorted[at], end));
      expect(read(...pieces)).toEqual(whole);
    }),
  );
});

test('status tells which configuration runs, and since when', () => {
  const status = { rebootAt: '2026-11-22 17:32:20.493', reconfiguredAt: '2026-11-22 17:32:22.955' };
  expect(parseStatus(one(answers.status))).toEqual({ ...status, settled: true });
  const busy = answers.status.replace('Daemon is up and running', 'Reconfiguration in progress');
  expect(parseStatus(one(busy))).toEqual({ ...status, settled: false });
});

test('protocols with their state', () => {
  expect(parseProtocols(one(answers.protocols).lines)).toEqual([
    { name: 'p44device', type: 'Device', table: '---', state: 'up', info: '' },
    { name: 'k4', type: 'Kernel', table: 'master4', state: 'up', info: '' },
    { name: 'b1', type: 'BGP', table: '---', state: 'start', info: 'Active Socket: Connection refused' },
  ]);
});

test('BFD sessions, or none where BFD does not run', () => {
  expect(parseBfdSessions(one(answers.bfd).lines)).toEqual([
    { address: '172.30.0.0', dev: 'v1', state: 'Up' },
    { address: 'fe80::1', dev: 'p44i-a', state: 'Down' },
  ]);
  expect(parseBfdSessions(one(answers.noBfd).lines)).toEqual([]);
});

test('adjacencies that are full, or none where that OSPF does not run', () => {
  expect(adjacenciesIn('p44ospf4', one(answers.adjacencies).lines)).toEqual(['p44ospf4_p44i-p1-p2']);
  expect(adjacenciesIn('p44ospf6', one(answers.noOspf).lines)).toEqual([]);
  expect(reachedIn('p44ospf4', one(answers.reached).lines)).toEqual([
    'p44ospf4_198.18.210.4/32',
    'p44ospf4_172.30.0.2/31',
  ]);
});

test('what was refused says where, what was granted says what', () => {
  const refused = one(answers.refused);
  expect([succeeded(refused), lastText(refused)]).toEqual([
    false,
    '/run/p1/pop.bird.candidate:1:10 syntax error, unexpected CF_SYM_UNDEFINED',
  ]);
  expect([succeeded(one(answers.loaded)), one(answers.loaded).code]).toEqual([true, 3]);
});

test('files stand side by side under the namespace, and their names between quotes', () => {
  expect(filesOf('/run/p1', 'pop').socket).toBe('/run/p1/pop.bird.ctl');
  expect(commands.check(filesOf('/run/p1', 'pop').candidate)).toBe('configure check "/run/p1/pop.bird.candidate"');
  expect(() => filesOf('/run/"; down', 'pop')).toThrow('is not an absolute path');
});

test('a text that reads or writes files, or fills a table of the machine, is none of ours', () => {
  const kernel = 'protocol kernel k { kernel table 4401; ipv4 { export all; }; }';
  const of = (text: string) => () => checkBird({ netns: 'pop', text, lifelines: [] });
  expect(of(kernel)).not.toThrow();
  expect(of('protocol bfd b { interface "p44i-*", "*" { }; }')).not.toThrow();
  for (const bad of [
    'include "x";',
    'log "/etc/cron.d/x" all;',
    'LOG stderr all;',
    'mrtdump "x";',
    'protocol mrt m { filename "x"; period 1; }',
    'protocol bgp b { password "x"; }',
    '# hidden\n',
    '/* hidden */',
    'interface "/x"',
    'an open "string',
    "'quoted'",
    'protocol kernel k { ipv4; }',
    kernel.replace('4401', '254'),
    kernel.replace('4401', '255'),
    // The last one wins.
    'protocol kernel m { kernel table 4401; kernel table (254); ipv4; }',
    'protocol kernel m { kernel table (254); ipv4; }',
    'protocol kernel m { kernel table(254); ipv4; }',
    'protocol kernel m { kernel table main; ipv4; }',
    'protocol kernel m { kernel table 0xfe; ipv4; }',
    'protocol kernel m { kernel table 4294967550; ipv4; }',
    'protocol kernel m { kernel table 4401 - 4147; ipv4; }',
    'protocol kernel m { kernel\ntable 4402; KERNEL table\t254; ipv4; }',
    // Two in the first make up for none in the second.
    'protocol kernel m { kernel table 4401; kernel table 4402; ipv4; } protocol kernel n { ipv4; }',
    'define TABLE = 254;',
    'template kernel t { kernel table 4401; ipv4; }',
  ])
    expect(of(`${kernel}\n${bad}`), bad).toThrow(' is not ');
  expect(of(`kernel table 4401;\n${kernel}`)).toThrow(' is not ');
});

test('MEDs of routes that have one, by prefix: the own route has a metric instead', () => {
  const lines = [
    '1007-Table p44duty4:',
    ' 192.0.0.8/32         unreachable [p44role4 19:31:17.643] * (110)',
    '1008-\tType: inherit univ',
    '1012-\tKernel.source: 44',
    ' \tKernel.metric: 2003',
    '1007-                     unicast [p44s_heartbeat 19:31:17.640] (100) [AS4200000003i]',
    ' \tvia 172.30.34.1 on hb',
    '1008-\tType: BGP univ',
    '1012-\tBGP.origin: IGP',
    ' \tBGP.as_path: 4200000003',
    ' \tBGP.next_hop: 172.30.34.1',
    ' \tBGP.med: 2005',
    ' \tBGP.local_pref: 100',
    '1007-192.0.0.170/32       unicast [p44s_underlay 19:31:17.640] * (100) [AS4200000003i]',
    '1012-\tBGP.origin: IGP',
    ' \tBGP.med: 2006',
    '0000 ',
  ];
  const found: (readonly Med[])[] = [];
  createReplyParser((reply) => found.push(parseMeds(reply.lines)))(`${lines.join('\n')}\n`);
  expect(found).toEqual([
    [
      ['192.0.0.8/32', 2005],
      ['192.0.0.170/32', 2006],
    ],
  ]);
});
