// The inside of a lab: raises it in the namespaces that it was started in, tells each step, and stays as long as what it
// started. Standard output is one JSON a line.

import { realClock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { type InsideWord, insideDirectory, raiseLab, raiseWorld, startWebProcess } from '#internal/testkit/lab/lab.ts';

const tell = (word: InsideWord): void => {
  process.stdout.write(`${JSON.stringify(word)}\n`);
};

const raise = process.argv.includes('--bare') ? raiseWorld : raiseLab;
try {
  const world = await raise({
    directory: insideDirectory,
    clock: realClock,
    onStep: (step) => tell({ step }),
    onGivenUp: (service, reason) => tell({ word: `${service} died too often and stays down (${reason})` }),
  });
  if (process.argv.includes('--web')) await world.step('pop44-web', () => startWebProcess(world));
  tell({ ready: { nodes: world.nodes.map(({ node }) => node.id), namespaces: world.namespaces } });
} catch (thrown) {
  for (const line of messageOf(thrown).split('\n')) tell({ word: line });
  process.exitCode = 1;
}
