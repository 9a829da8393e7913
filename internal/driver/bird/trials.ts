// Trials: a new text runs with a way back until it is seen to work; then it is confirmed, else undone and remembered.
//
// On the path: apply.ts brings a text; what is not decided at once goes on beside everything else, so that a text that
// cuts this node off holds up no tunnel and no takeover. BIRD goes back by itself should this process be gone.
// Never: takes a text for good because nobody looked.

import { existsSync, readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import type { Clock } from '#internal/clock/clock.ts';
import type { Bird } from '#internal/dataplane/dataplane.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { Daemon } from './daemon.ts';
import { judge, missing, type Pace, type Purpose, reached, type Sight, type Verdict } from './judge.ts';
import {
  asLoaded,
  type Brought,
  generationOf,
  hashOf,
  type Loaded,
  likenessOf,
  type Tried,
  type Undone,
} from './kept.ts';
import { runs } from './observe.ts';
import { order, statusOf } from './order.ts';
import { didNothing, type Protocol, parseProtocols, type Status } from './parse.ts';
import { withoutPasswords } from './passwords.ts';
import { commands } from './render.ts';
import { restartKeeping } from './restart.ts';
import { isLocal, standingAmong } from './standing.ts';

/** What is good shows in the first look (2 ms); until then others wait. */
const atOnceMs = 100;
const pollMs = 20;
/** A machine that stood still has not looked: no more than this of a gap between two looks is counted. */
const mostGapMs = 200;
/**
 * A text that was undone is tried again when the one that runs instead has done nothing for so long: what was wrong may
 * have been the far end, which did not have its own new text yet. Also how long what was lost by a trial is expected back.
 */
const darkMs = 60_000;
/** Comparisons ask each 10 s: who did not for so long wanted something else meanwhile. */
const takenBackMs = 30_000;
/** BIRD may be killed by somebody else, but not twice by chance. */
const mostDeaths = 2;

export interface Trials {
  /** @throws Fault `bird` while the text is on trial, and when it was undone, now or before; `gone`, `silent`, `exec` */
  bring(want: Brought): Promise<void>;
  /** Looks no more; BIRD runs what it runs. */
  leave(): Promise<void>;
  /** The text that is wanted now was undone. */
  isUndone(): boolean;
}

export interface TrialParts {
  readonly daemon: Daemon;
  readonly pace: Pace;
  readonly clock: Clock;
  readonly log: Log;
  /** The text on trial was confirmed or undone, after bring() had given up waiting. */
  readonly settled: (reason: string) => void;
}

interface Trial extends Tried {
  readonly want: Brought;
  readonly upBefore: ReadonlySet<string>;
  lookedMs: number;
  lacks: string;
}

export function createTrials({ daemon, pace, clock, log, settled }: TrialParts): Trials {
  const { netns, files, loaded, tried, undone } = daemon;
  const fault = (what: string): Fault => new Fault('bird', `BIRD of ${netns}: ${what}`);
  let running: { readonly trial: Trial; readonly stop: AbortController; readonly done: Promise<void> } | undefined;
  /** What was wanted last, and when. */
  let asked: { readonly sha256: string; readonly atMs: number } | undefined;
  let darkSinceMs: number | undefined;

  const protocols = async (): Promise<readonly Protocol[]> =>
    parseProtocols((await order(daemon, commands.protocols)).lines);

  async function remember(text: Omit<Loaded, 'rebootAt' | 'reconfiguredAt'>, status?: Status): Promise<void> {
    const { rebootAt, reconfiguredAt } = status ?? (await statusOf(daemon));
    loaded.write({ ...text, rebootAt, reconfiguredAt });
  }

  /** With which BIRD was started; of one that was met, nobody knows, and it is as good as any. */
  const startedWith = (want: Bird): number => generationOf(loaded.read() ?? want);

  /** For root alone: passwords may be in it. One that is left of an earlier try may have other rights. */
  async function writeCandidate({ text }: Brought): Promise<void> {
    await rm(files.candidate, { force: true });
    await writeFile(files.candidate, text, { mode: 0o600 });
  }

  async function sight({ upBefore }: Trial): Promise<Sight> {
    const [{ settled: still }, all] = [await statusOf(daemon), await protocols()];
    const missed = all.filter((of) => isLocal(of) && of.state !== 'up' && upBefore.has(of.name));
    return { settled: still, down: missed.map(({ name }) => name), established: await standingAmong(daemon, all) };
  }

  /** Looks until something is decided, `untilMs` have been looked at, or it is told to stop. */
  async function watch(trial: Trial, untilMs: number, signal?: AbortSignal): Promise<Verdict> {
    for (let last = clock.monotonicMs(); ; ) {
      const lacks = missing(trial.expected, trial.want.lifelines, await sight(trial));
      const verdict = judge(lacks, trial.lookedMs, pace);
      trial.lacks = lacks ?? '';
      if (verdict !== 'wait' || trial.lookedMs >= untilMs) return verdict;
      await clock.sleep(pollMs, signal);
      const now = clock.monotonicMs();
      trial.lookedMs += Math.min(now - last, mostGapMs);
      last = now;
    }
  }

  /** Of the text in the file of BIRD, as far as it is known. */
  function asConfigured(): Omit<Loaded, 'rebootAt' | 'reconfiguredAt'> {
    const text = readFileSync(files.config, 'utf8');
    const [sha256, told, before] = [hashOf(text), withoutPasswords(text), loaded.read()];
    if (before?.sha256 === sha256) return before;
    const { lifelines = [], generation } = before ?? {};
    return { lifelines, ...(generation !== undefined && { generation }), ...(told !== text && { told }), sha256 };
  }

  /** Undoes what is on trial, whatever of it is left: BIRD has gone back by itself, or somebody has confirmed it by hand. */
  async function goBack(): Promise<void> {
    await order(daemon, commands.undo);
    const before = loaded.read();
    if (before === undefined || runs(before, await statusOf(daemon)) || !existsSync(files.config)) return;
    await order(daemon, commands.goTo(files.config));
    await remember(asConfigured());
  }

  async function confirm({ want }: Trial): Promise<void> {
    if (didNothing(await order(daemon, commands.confirm))) {
      await goBack();
      tried.forget();
      throw fault('it went back to the text before, because nobody looked in time');
    }
    await rename(files.candidate, files.config);
    await remember(asLoaded(want, startedWith(want)));
    for (const each of [tried, undone]) each.forget();
  }

  async function undo({ sha256, expected }: Trial, reason: string): Promise<void> {
    undone.write({ sha256, reason, expected, atMs: clock.wall().getTime() });
    darkSinceMs = undefined;
    log.error('bird-undone', { netns, reason });
    await goBack();
    tried.forget();
    throw fault(`undone, ${reason}`);
  }

  const settle = async (trial: Trial, verdict: Exclude<Verdict, 'wait'>): Promise<void> =>
    verdict === 'stays' ? confirm(trial) : undo(trial, verdict.undone);

  const onTrial = ({ lacks }: Trial): Fault => fault(`on trial, ${lacks}`);

  /** Everything else goes on meanwhile; who is asked again says that it is on trial. */
  function goOn(trial: Trial): void {
    const stop = new AbortController();
    const decide = async (): Promise<string> => {
      const verdict = await watch(trial, Number.POSITIVE_INFINITY, stop.signal);
      if (verdict !== 'wait') await settle(trial, verdict);
      return `BIRD of ${netns} works with its new text`;
    };
    const done = decide()
      .catch(messageOf)
      .then((outcome) => {
        running = undefined;
        if (!stop.signal.aborted) settled(outcome);
      });
    running = { trial, stop, done };
  }

  async function leave(): Promise<void> {
    running?.stop.abort();
    await running?.done;
  }

  async function load(want: Brought, { sha256, expected, deaths }: Tried): Promise<void> {
    await writeCandidate(want);
    await order(daemon, commands.check(files.candidate));
    const upBefore = (await protocols()).filter((of) => isLocal(of) && of.state === 'up').map(({ name }) => name);
    tried.write({ sha256, expected, deaths });
    await order(daemon, commands.load(files.candidate, pace.wayBackSeconds));
    const trial: Trial = {
      ...{ want, sha256, expected, deaths },
      upBefore: new Set(upBefore),
      lookedMs: 0,
      lacks: '',
    };
    const verdict = await watch(trial, atOnceMs);
    if (verdict !== 'wait') return settle(trial, verdict);
    goOn(trial);
    throw onTrial(trial);
  }

  /**
   * Starts BIRD with what is wanted, or with the text that it had before where what is wanted is in doubt.
   * @returns whether it runs what is wanted
   */
  async function start(want: Brought, sha256: string): Promise<boolean> {
    const left = tried.read();
    if (left !== undefined && left.deaths + 1 >= mostDeaths) {
      const reason = 'BIRD has ended each time that it was tried';
      undone.write({ sha256: left.sha256, reason, expected: left.expected, atMs: clock.wall().getTime() });
      log.error('bird-undone', { netns, reason });
      tried.forget();
    } else if (left !== undefined) tried.write({ ...left, deaths: left.deaths + 1 });
    // What ended without a word has left its routes in the kernel.
    const recovers = loaded.read() !== undefined;
    const doubted = left?.sha256 === sha256 || undone.read()?.sha256 === sha256;
    if (doubted && existsSync(files.config)) {
      const before = asConfigured();
      await daemon.start(recovers);
      await remember({ ...before, generation: generationOf(want) });
      return before.sha256 === hashOf(want.text);
    }
    await writeCandidate(want);
    await daemon.check(files.candidate);
    await rename(files.candidate, files.config);
    await daemon.start(recovers);
    await remember(asLoaded(want, generationOf(want)));
    for (const each of [tried, undone]) each.forget();
    return true;
  }

  const restart = (want: Brought): Promise<void> =>
    restartKeeping({ daemon, clock, log }, () => remember(asLoaded(want, generationOf(want))));

  /** What was undone before is tried again only when nothing is lost by it. */
  function isDue({ expected }: Undone, want: Bird, up: ReadonlySet<string>): boolean {
    const lines = [...(loaded.read()?.lifelines ?? []), ...want.lifelines].filter(({ to }) => expected.includes(to));
    const now = clock.monotonicMs();
    if (reached(lines, up).length > 0) darkSinceMs = undefined;
    else darkSinceMs ??= now;
    return darkSinceMs !== undefined && now - darkSinceMs >= darkMs;
  }

  /** That this text was undone, and is wanted ever since. */
  function undoneBefore(sha256: string, lastMs: number | undefined): Undone | undefined {
    const before = undone.read();
    if (before?.sha256 !== sha256) return undefined;
    if (lastMs === undefined || clock.monotonicMs() - lastMs <= takenBackMs) return before;
    undone.forget();
    return undefined;
  }

  /** It differs from the text of BIRD's file in shares alone: what is lost meanwhile is not its doing. */
  const isSharesAlone = (sha256: string): boolean =>
    existsSync(files.config) && likenessOf(readFileSync(files.config, 'utf8')) === sha256;

  /** What a text has to bring up: what is up, and what a trial just before this one, or of the same text, has taken down. */
  function expectedOf(want: Bird, sha256: string, up: ReadonlySet<string>): readonly Purpose[] {
    if (isSharesAlone(sha256)) return [];
    const [left, before] = [tried.read(), undone.read()];
    const counts = before?.sha256 === sha256 || (before?.atMs ?? 0) > clock.wall().getTime() - darkMs;
    const lost = [...(left?.expected ?? []), ...(before !== undefined && counts ? before.expected : [])];
    const there = reached(want.lifelines, up);
    return want.lifelines.map(({ to }) => to).filter((to) => there.includes(to) || lost.includes(to));
  }

  async function bring(want: Brought): Promise<void> {
    const sha256 = likenessOf(want.text);
    const lastMs = asked?.sha256 === sha256 ? asked.atMs : undefined;
    asked = { sha256, atMs: clock.monotonicMs() };
    if (running?.trial.sha256 === sha256) throw onTrial(running.trial);
    await leave();
    if ((await daemon.ask(commands.status)) === undefined) {
      if (await start(want, sha256)) return;
    } else if (tried.read() !== undefined) await goBack();
    const [now, status] = [loaded.read(), await statusOf(daemon)];
    if (now?.sha256 === hashOf(want.text) && runs(now, status)) {
      tried.forget();
      if (generationOf(now) !== generationOf(want)) return restart(want);
      return remember(asLoaded(want, generationOf(want)), status);
    }
    const before = undoneBefore(sha256, lastMs);
    const up = await standingAmong(daemon, await protocols());
    if (before !== undefined && !isDue(before, want, up))
      throw fault(`undone before and not tried again as it is: ${before.reason}`);
    const left = tried.read();
    const deaths = left?.sha256 === sha256 ? left.deaths : 0;
    await load(want, { sha256, expected: expectedOf(want, sha256, up), deaths });
    if (startedWith(want) !== generationOf(want)) await restart(want);
  }

  return {
    bring,
    leave,
    isUndone: () =>
      asked !== undefined && clock.monotonicMs() - asked.atMs <= takenBackMs && undone.read()?.sha256 === asked.sha256,
  };
}
