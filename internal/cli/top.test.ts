import { expect, test } from 'vitest';
import { Fault } from '#internal/errors/errors.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import type { Screen } from './screen.ts';

const traffic = { sessions: 12, upBytesPerSecond: 1_500_000n, downBytesPerSecond: 0n, handshakesPerMinute: 7 };
const getTop = {
  nodes: [
    { node: { id: 'p1' }, connected: true, load: 0.251, loopLagMs: 10.4, traffic },
    { node: { id: 'p2', drain: {} }, connected: true, load: 1, loopLagMs: 1 },
    { node: { id: 'p3' }, connected: false, traffic },
  ],
  tunnels: [{ tunnelId: 't1', name: 'sh\u001b[2Jack', owner: 'ada', nodeId: 'p1', upBytesPerSecond: 999n }],
};

test('how busy nodes are: a table on a terminal, tabs in a pipe, data for scripts', async () => {
  const { client, sent } = recorder({ getTop });
  const { stdout } = await cli(client, 'top -n 1', { isTTY: true });
  expect(stdout).toBe(
    [
      'NODE  STATE      LOAD  LAG    SESSIONS  UP         DOWN  HANDSHAKES',
      'p1    up         0.25  10 ms  12        1.50 MB/s  0     7/min',
      'p2    drained    1.00  1 ms',
      'p3    not heard',
      '',
    ].join('\n'),
  );
  expect((await cli(client, 'top')).stdout.split('\n')[0]).toBe('p1\tup\t0.25\t10 ms\t12\t1.50 MB/s\t0\t7/min');
  const lines = (await cli(client, 'top -n 3 --interval 0.01 -o jsonl')).stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(JSON.parse(lines[2] ?? '')).toMatchObject({ nodes: [{ traffic: { upBytesPerSecond: '1500000' } }, {}, {}] });
  expect(sent.map(({ request }) => request)).toEqual(Array.from({ length: 5 }, () => ({ tunnels: 0 })));
});

test('the busiest tunnels, as many as are asked for', async () => {
  const { client, sent } = recorder({ getTop });
  const { stdout } = await cli(client, 'top --tunnels');
  expect(stdout).toBe('sh\uFFFD[2Jack\tada\tp1\t999 B/s\t0\tt1\n');
  await cli(client, 'top --tunnels 5');
  expect(sent.map(({ request }) => request)).toEqual([{ tunnels: 20 }, { tunnels: 5 }]);
  for (const wrong of ['top --tunnels 51', 'top --tunnels 0', 'top -n 0', 'top --interval 0'])
    expect(await cli(client, wrong)).toMatchObject({ code: 2, stdout: '' });
});

function page(rows: number): {
  readonly screen: Screen;
  readonly drawn: (readonly string[])[];
  quit: () => void;
  closed: number;
} {
  const leaving = new AbortController();
  const state = { drawn: [] as (readonly string[])[], closed: 0, quit: () => leaving.abort(new Error('left')) };
  const screen: Screen = {
    ...{ columns: 80, rows, left: leaving.signal },
    draw: (lines) => void state.drawn.push(lines),
    close: () => void (state.closed += 1),
  };
  return Object.assign(state, { screen });
}

test('on a terminal it goes on until it is left, over a daemon that is away, and the terminal is given back', async () => {
  const { client } = recorder({ getTop });
  const seen = page(6);
  let looks = 0;
  const ask = client.status.getTop;
  const flaky = {
    ...client,
    status: {
      ...client.status,
      getTop: async (...asked: Parameters<typeof ask>) => {
        looks += 1;
        if (looks === 2) throw new Fault('unavailable', 'p1 does not answer');
        if (looks === 4) seen.quit();
        return ask(...asked);
      },
    },
  };
  const { code, stdout, stderr } = await cli(flaky, 'top --interval 0.01', { isTTY: true, screen: seen.screen });
  expect([code, stdout, stderr, seen.closed]).toEqual([0, '', '', 1]);
  const [first = [], second = [], third = []] = seen.drawn;
  expect(first[0]).toMatch(/^\d\d:\d\d:\d\d UTC {2}3 nodes, 1 not heard, 12 sessions, up 1\.50 MB\/s, down 0$/);
  // Six rows: head, two lines of the table, the last.
  expect(first).toHaveLength(6);
  expect(first.at(-1)).toBe('q ends it');
  expect(second.at(-1)).toBe('no answer, this is old: p1 does not answer');
  expect(third.at(-1)).toBe('q ends it');
});

test('a first look that fails takes no terminal', async () => {
  const seen = page(20);
  const { client } = recorder({ getTop: new Fault('unavailable', 'nobody answers') });
  expect(await cli(client, 'top', { isTTY: true, screen: seen.screen })).toMatchObject({ code: 1 });
  expect([seen.drawn, seen.closed]).toEqual([[], 0]);
});
