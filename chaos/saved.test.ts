// What a run has left behind is read again as it was, so that the same judge says the same.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deedsOf } from './check/deeds.ts';
import { tellStory } from './check/story.ts';
import { type Recorded, reportOf } from './recorded.ts';
import { reportJson } from './report.ts';
import { readSaved, savedParts } from './saved.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pop44-saved-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function recorded(): Recorded {
  const story = tellStory();
  const deeds = deedsOf(story);
  const pool = deeds.pool('44.32.0.0/16', 60);
  deeds.allocate('ada', pool, '44.32.0.0/32');
  story.look('p1', 'ada');
  const { log, listings, history, ...rest } = story.evidence({
    samples: [{ node: 'p1', pid: 1, atNs: 1, rssBytes: 2, files: 3, timers: 4 }],
  });
  return {
    facts: {
      ...{
        ...rest,
        scenario: 'allocate',
        seed: 3,
        seconds: 20,
        versions: { etcd: '3.4' },
        kinds: [],
        left: [],
        faults: [],
      },
      ...{
        beganNs: 0,
        from: log.from,
        to: log.to,
        deaths: [],
        complaints: [],
        leastPerSecond: 0,
        goals: {},
        noise: { connections: 0, cases: 0 },
      },
    },
    ...{ log, listings, history },
  };
}

async function saved(run: Recorded): Promise<string> {
  const file = join(directory, 'recorded.ndjson.gz');
  await writeFile(file, Buffer.concat([...savedParts(run)]));
  return file;
}

test('what was saved is read again as it was, and judged alike', async () => {
  const run = recorded();
  const again = await readSaved(await saved(run));
  expect(again).toEqual(run);
  expect(reportJson(reportOf(again))).toBe(reportJson(reportOf(run)));
});

test('another judge finds in it what is wrong', async () => {
  const run = recorded();
  const [first, ...others] = run.log.events;
  expect(first).toBeDefined();
  const again = await readSaved(await saved({ ...run, log: { ...run.log, events: others } }));
  expect(reportOf(again).invariants.some(({ name, violations }) => name === 'witness' && violations > 0)).toBe(true);
});

test('a file that is no record of a run is refused', async () => {
  const file = join(directory, 'recorded.ndjson.gz');
  await writeFile(file, Buffer.concat([...savedParts(recorded())]).subarray(0, 40));
  await expect(readSaved(file)).rejects.toThrow('unexpected end of file');
});
