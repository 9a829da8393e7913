// Apply: check, load with a way back, probe, confirm or undo.

import { copyFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Clock } from '#internal/clock/clock.ts';
import type { Netns } from '#internal/dataplane/dataplane.ts';
import type { StepFailure } from '#internal/driver/driver.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { NodeOpener } from '#internal/sealing/sealing.ts';
import type { Step, StepOf } from '#internal/plan/step.ts';
import { type Daemon, hashOf } from './daemon.ts';
import { observeDaemon } from './observe.ts';
import { lastText, type Protocol, parseProtocols, parseStatus, type Reply, type Status, succeeded } from './parse.ts';
import { withPasswords } from './passwords.ts';
import { checkBird, commands } from './render.ts';

const probeTimeoutMs = 5000;
const pollMs = 20;

/** Their state hangs on the far end too: a session that is down says nothing about the text. */
const sessions = ['BGP', 'OSPF', 'RIP', 'Babel', 'RPKI'];

/** @throws Fault `gone`, or `bird` with what it says */
async function order(daemon: Daemon, command: string): Promise<Reply> {
  const reply = await daemon.ask(command);
  if (reply === undefined) throw new Fault('gone', `BIRD of ${daemon.netns} has ended`);
  if (!succeeded(reply)) throw new Fault('bird', `BIRD of ${daemon.netns}: ${lastText(reply)}`);
  return reply;
}

const statusOf = async (daemon: Daemon): Promise<Status> => parseStatus(await order(daemon, commands.status));

const localUp = async (daemon: Daemon): Promise<readonly Protocol[]> =>
  parseProtocols((await order(daemon, commands.protocols)).lines).filter(({ type }) => !sessions.includes(type));

/** The new text works when BIRD has settled and no protocol of this node alone went down with it. */
async function probe(daemon: Daemon, clock: Clock, upBefore: ReadonlySet<string>): Promise<void> {
  const deadline = clock.monotonicMs() + probeTimeoutMs;
  for (;;) {
    const { settled } = await statusOf(daemon);
    const down = (await localUp(daemon)).filter(({ name, state }) => state !== 'up' && upBefore.has(name));
    if (settled && down.length === 0) return;
    if (clock.monotonicMs() > deadline) {
      const why = settled ? `${down.map(({ name }) => name).join(', ')} did not come up` : 'it is still reconfiguring';
      throw new Fault('bird', `BIRD of ${daemon.netns}: undone, ${why}`);
    }
    await clock.sleep(pollMs);
  }
}

/** For root alone: passwords may be in it. One that is left of an earlier try may have other rights. */
async function writeCandidate({ files }: Daemon, text: string): Promise<void> {
  await rm(files.candidate, { force: true });
  await writeFile(files.candidate, text, { mode: 0o600 });
}

async function reconfigure(daemon: Daemon, clock: Clock, text: string): Promise<void> {
  const { config, candidate, previous } = daemon.files;
  await writeCandidate(daemon, text);
  await order(daemon, commands.check(candidate));
  const upBefore = new Set((await localUp(daemon)).filter(({ state }) => state === 'up').map(({ name }) => name));
  const hadFile = await copyFile(config, previous).then(
    () => true,
    () => false,
  );
  await rename(candidate, config);
  try {
    await order(daemon, commands.load);
    await probe(daemon, clock, upBefore);
    await order(daemon, commands.confirm);
    await rm(previous, { force: true });
  } catch (error) {
    await daemon.ask(commands.undo);
    if (hadFile) await rename(previous, config);
    throw error;
  }
}

async function start(daemon: Daemon, text: string): Promise<void> {
  const { config, candidate } = daemon.files;
  await writeCandidate(daemon, text);
  await daemon.check(candidate);
  await rename(candidate, config);
  await daemon.start();
}

interface Means {
  readonly daemons: Readonly<Record<Netns, Daemon>>;
  readonly opener: NodeOpener;
  readonly clock: Clock;
}

/** @throws Fault `sealed`: it was reached but for sessions whose passwords do not open */
async function applyStep({ daemons, opener, clock }: Means, step: StepOf<'bird'>): Promise<void> {
  const daemon = daemons[(step.op === 'remove' ? step.found : step.want).netns];
  if (step.op === 'remove') return daemon.end();
  checkBird(step.want);
  const { text } = step.want;
  const { clear, reached, problems } = withPasswords(text, opener);
  const [now] = await observeDaemon(daemon);
  if (now?.text !== reached) {
    const running = (await daemon.ask(commands.status)) !== undefined;
    await (running ? reconfigure(daemon, clock, clear) : start(daemon, clear));
    const { rebootAt, reconfiguredAt } = await statusOf(daemon);
    const loaded = { sha256: hashOf(clear), rebootAt, reconfiguredAt };
    daemon.remember(clear === reached ? loaded : { ...loaded, text: reached });
  }
  if (problems.length > 0) throw new Fault('sealed', problems.join('; '));
}

export async function applySteps(means: Means, steps: readonly Step[]): Promise<readonly StepFailure[]> {
  const own = steps.filter((step): step is StepOf<'bird'> => step.kind === 'bird');
  const done = await Promise.all(
    own.map((step) =>
      applyStep(means, step).then(
        () => [],
        (error: unknown) => [{ step, message: messageOf(error) }],
      ),
    ),
  );
  return done.flat();
}
