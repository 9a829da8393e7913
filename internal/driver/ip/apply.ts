// Apply: consecutive steps of one namespace and family as one `ip -batch`, settings as one `sysctl -w`.

import type { Netns } from '#internal/dataplane/dataplane.ts';
import { rejected, sendInBatches, type StepFailure } from '#internal/driver/driver.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { Step, StepOf } from '#internal/plan/step.ts';
import type { KnownSysctls } from './ip.ts';
import { parseBatchErrors } from './parse.ts';
import { checkSysctl, renderStep } from './render.ts';
import { applySpan } from './span.ts';

type IpStep = StepOf<'wire'> | StepOf<'address'> | StepOf<'rule'> | StepOf<'route'>;
type Paths = Readonly<Record<Netns, string>>;

interface Work {
  readonly step: IpStep;
  readonly netns: Netns;
  readonly family: 4 | 6;
  readonly lines: readonly string[];
}

/** `ip -batch` takes 7 to 16 us a line (10,000 routes: 163 ms, measured); a machine under load gets more. */
const timeoutMs = 30_000;

/** What the kernel and ip(8) say when there is nothing to remove any more. */
const gone =
  /No such process|No such file or directory|Address not found|Cannot assign requested address|Cannot find device|No such device/i;

const isRemoval = (line: string): boolean => /^\w+ del /.test(line);

const netnsOf = (step: IpStep | StepOf<'sysctl'>): Netns => (step.op === 'remove' ? step.found.netns : step.want.netns);

async function sendBatch(paths: Paths, batch: readonly Work[]): Promise<readonly StepFailure[]> {
  const [first] = batch;
  if (first === undefined) return [];
  const lines = batch.flatMap(({ step, lines: own }) => own.map((text) => ({ step, text })));
  try {
    const { stderr } = await run({
      file: 'ip',
      args: [`-${first.family}`, '-force', '-batch', '-'],
      netns: paths[first.netns],
      input: `${lines.map(({ text }) => text).join('\n')}\n`,
      accept: [0, 1, 2],
      timeoutMs,
    });
    const failures = new Map<IpStep, string>();
    for (const [number, message] of parseBatchErrors(stderr)) {
      const line = lines[number - 1];
      if (line === undefined || (isRemoval(line.text) && gone.test(message))) continue;
      failures.set(line.step, message);
    }
    return [...failures].map(([step, message]) => ({ step, message }));
  } catch (error) {
    return batch.map(({ step }) => ({ step, message: messageOf(error) }));
  }
}

async function writeSysctls(
  paths: Paths,
  known: KnownSysctls,
  steps: readonly StepOf<'sysctl'>[],
): Promise<readonly StepFailure[]> {
  const failures: StepFailure[] = [];
  for (const netns of ['transport', 'pop'] as const) {
    const writes: { step: StepOf<'sysctl'>; text: string }[] = [];
    for (const step of steps) {
      if (netnsOf(step) !== netns) continue;
      if (step.op === 'remove') {
        known[netns].delete(step.found.name);
        continue;
      }
      try {
        checkSysctl(step.want);
        known[netns].add(step.want.name);
        writes.push({ step, text: `${step.want.name}=${step.want.value}` });
      } catch (error) {
        failures.push({ step, message: messageOf(error) });
      }
    }
    const failed = await sendInBatches(writes, 100, async (batch) => {
      try {
        await run({ file: 'sysctl', args: ['-q', '-w', ...batch.map(({ text }) => text)], netns: paths[netns] });
      } catch (error) {
        throw rejected(messageOf(error), error);
      }
    });
    failures.push(...failed.map(({ item, message }) => ({ step: item.step, message })));
  }
  return failures;
}

/** With an interface's last IPv4 address the kernel drops its IPv4 routes (fib_disable_ip of fib_frontend.c). */
const mayDropRoutes = (step: Step): boolean =>
  step.kind === 'address' && step.op === 'remove' && step.found.dev !== 'lo' && !step.found.cidr.includes(':');

export async function applySteps(
  paths: Paths,
  known: KnownSysctls,
  disturb: (reason: string) => void,
  steps: readonly Step[],
): Promise<readonly StepFailure[]> {
  const failures: StepFailure[] = [];
  // Between namespaces and families no order matters, but a wire has both: it comes before all else and goes after.
  const wires: Record<'come' | 'go', Work[]> = { come: [], go: [] };
  // Inside one the steps keep theirs.
  const batches = new Map<string, Work[]>();
  const sysctls: StepOf<'sysctl'>[] = [];
  const spans: StepOf<'span'>[] = [];
  for (const step of steps) {
    if (step.kind === 'sysctl') sysctls.push(step);
    else if (step.kind === 'span') spans.push(step);
    else if (step.kind === 'wire' || step.kind === 'address' || step.kind === 'rule' || step.kind === 'route') {
      try {
        const netns = netnsOf(step);
        const work: Work = { step, netns, ...renderStep(step) };
        if (step.kind === 'wire') {
          wires[step.op === 'remove' ? 'go' : 'come'].push(work);
          continue;
        }
        const name = `${netns} ${work.family}`;
        const others = batches.get(name);
        if (others === undefined) batches.set(name, [work]);
        else others.push(work);
      } catch (error) {
        failures.push({ step, message: messageOf(error) });
      }
    }
  }
  failures.push(...(await writeSysctls(paths, known, sysctls)));
  const all = (each: Iterable<readonly Work[]>) => Promise.all(Array.from(each, (batch) => sendBatch(paths, batch)));
  const byNetns = (works: readonly Work[]) => Map.groupBy(works, ({ netns }) => netns).values();
  // Like wires; there is one a node.
  const spanned = async (goes: boolean) => {
    for (const step of spans) if ((step.op === 'remove') === goes) failures.push(...(await applySpan(paths, step)));
  };
  await spanned(false);
  const sent = [
    ...(await all(byNetns(wires.come))),
    ...(await all(batches.values())),
    ...(await all(byNetns(wires.go))),
  ];
  await spanned(true);
  if (steps.some(mayDropRoutes)) disturb('an address was removed from a link, which may have lost routes with it');
  return [...failures, ...sent.flat()];
}
