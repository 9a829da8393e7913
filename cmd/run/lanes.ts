// Lanes: which test files follow one another in one sandbox, so that all sandboxes end at about the same time.
//
// Pure: paths and seconds in, lists of paths out.

/** Seconds of a file that has no other weight. */
const usual = 5;

/**
 * Seconds of files that take longer than usual, as `npm test` tells them (to the next five; only their ratios matter). One
 * that is not known costs some balance, nothing else.
 */
const weights: ReadonlyMap<string, number> = new Map([
  ['chaos/fault.netns.test.ts', 25],
  ['internal/desired/neighbours.netns.test.ts', 10],
  ['internal/desired/origin.netns.test.ts', 59],
  ['internal/clientfile/networkd.netns.test.ts', 10],
  ['internal/driver/anycast/anycast.netns.test.ts', 20],
  ['internal/driver/bird/bird.netns.test.ts', 20],
  ['internal/driver/float/float.netns.test.ts', 15],
  ['internal/driver/bird/trials.netns.test.ts', 15],
  ['internal/driver/ip/ip.netns.test.ts', 10],
  ['internal/driver/nft/nft.netns.test.ts', 15],
  ['internal/driver/wg/wg.netns.test.ts', 20],
  ['internal/leader/takeover.netns.test.ts', 20],
  ['internal/testkit/ca-rotation.netns.test.ts', 30],
  ['internal/testkit/cluster.netns.test.ts', 20],
  ['internal/testkit/etcd-roles.netns.test.ts', 10],
  ['internal/testkit/expiry.netns.test.ts', 48],
  ['internal/testkit/flood.netns.test.ts', 15],
  ['internal/testkit/join.netns.test.ts', 15],
  ['internal/testkit/people.netns.test.ts', 20],
  ['internal/testkit/sweep.netns.test.ts', 35],
  ['internal/testkit/lab/anycast.netns.test.ts', 60],
  ['internal/testkit/lab/anycast-pair.netns.test.ts', 150],
  ['internal/testkit/lab/canary.netns.test.ts', 43],
  ['internal/testkit/lab/check.netns.test.ts', 25],
  ['internal/testkit/lab/desk.netns.test.ts', 58],
  ['internal/testkit/lab/drain.netns.test.ts', 70],
  ['internal/testkit/lab/explain.netns.test.ts', 75],
  ['internal/testkit/lab/firewall.netns.test.ts', 150],
  ['internal/testkit/lab/preshared.netns.test.ts', 84],
  ['internal/testkit/lab/resilience.netns.test.ts', 95],
  ['internal/testkit/lab/revoke.netns.test.ts', 20],
  ['internal/testkit/lab/rotation.netns.test.ts', 60],
  ['internal/testkit/lab/shaping.netns.test.ts', 128],
  ['internal/testkit/lab/start.netns.test.ts', 60],
  ['internal/testkit/lab/takeover.netns.test.ts', 75],
  ['internal/testkit/lab/world.netns.test.ts', 15],
  ['web/journey.netns.test.ts', 75],
]);

/**
 * The longest first, each to the lane that has least to do: at most a third above the best (Graham 1969).
 * @param busy for each lane, the seconds that it is busy with something else; they may stay empty
 */
export function lanesOf(files: readonly string[], busy: readonly number[]): readonly (readonly string[])[] {
  const weightOf = (file: string): number => weights.get(file) ?? usual;
  const filled = busy.map((seconds) => ({ seconds, files: [] as string[] }));
  const sorted = [...files].sort((a, b) => weightOf(b) - weightOf(a) || (a < b ? -1 : 1));
  for (const file of sorted) {
    const least = filled.reduce((best, lane) => (lane.seconds < best.seconds ? lane : best));
    least.seconds += weightOf(file);
    least.files.push(file);
  }
  return filled.map((lane) => lane.files);
}

export const weighedFiles: readonly string[] = [...weights.keys()];
