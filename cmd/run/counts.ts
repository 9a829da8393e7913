// Counts: what a test run came to, out of the lines of the tally of each vitest that took part.

import type { TallyLine } from './tally.ts';

/** In CI a skip is a failure, unless its reason begins with this word. `ctx.skip('allowed: this kernel has no WireGuard')` */
const allowed = 'allowed: ';

/** One vitest. */
export interface Part {
  /** One line of its tally. */
  take(text: string): void;
  /** Its process has ended by itself. */
  exited(code: number | null, signal: string | null): void;
  /** Files with a failure. Empty too when something failed that belongs to no file: then another try tells nothing. */
  failedFiles(): readonly string[];
  /** A vitest that tries these files once more: what they come to there counts, if all is well there. */
  again(files: readonly string[]): Part;
}

/** What a file came to. */
interface Outcome {
  passed: number;
  readonly failed: string[];
  readonly skipped: { readonly test: string; readonly reason: string }[];
  /** It failed outside its tests. */
  broken: boolean;
}

interface PartState {
  readonly files: Map<string, Outcome>;
  readonly running: Set<string>;
  /** Failures that belong to no file. */
  readonly broke: string[];
  complete: boolean;
}

const fine = ({ failed, broken }: Outcome): boolean => failed.length === 0 && !broken;

function outcomeOf({ files }: PartState, file: string): Outcome {
  const known = files.get(file);
  if (known !== undefined) return known;
  const outcome: Outcome = { passed: 0, failed: [], skipped: [], broken: false };
  files.set(file, outcome);
  return outcome;
}

function take(state: PartState, line: TallyLine): void {
  if ('complete' in line) state.complete = true;
  else if ('started' in line) state.running.add(line.started);
  else if ('ended' in line) state.running.delete(line.ended);
  else if ('broken' in line) outcomeOf(state, line.broken).broken = true;
  else if ('unhandled' in line) state.broke.push(`failed outside the tests: ${line.unhandled}`);
  else if ('reason' in line) outcomeOf(state, line.file).skipped.push(line);
  else if (line.state === 'passed') outcomeOf(state, line.file).passed += 1;
  else outcomeOf(state, line.file).failed.push(line.test);
}

export class Counts {
  readonly #inCi: boolean;
  readonly #filtered: boolean;
  readonly #broke: string[] = [];
  readonly #notes: string[] = [];
  readonly #parts: PartState[] = [];
  readonly #running: Set<string>[] = [];

  /** `filtered`: tests were chosen by name, so that all others count as skipped and nobody minds. */
  constructor(options: { readonly inCi: boolean; readonly filtered: boolean }) {
    this.#inCi = options.inCi;
    this.#filtered = options.filtered;
  }

  begin(): Part {
    const state = this.#state();
    this.#parts.push(state);
    return this.#part(state, () => undefined);
  }

  #state(): PartState {
    const running = new Set<string>();
    this.#running.push(running);
    return { files: new Map(), running, broke: [], complete: false };
  }

  #part(state: PartState, ended: () => void): Part {
    const failedFiles = (): readonly string[] =>
      state.broke.length > 0 ? [] : [...state.files].filter(([, outcome]) => !fine(outcome)).map(([file]) => file);
    return {
      take: (text) => take(state, JSON.parse(text) as TallyLine),
      exited: (code, signal) => {
        if (!state.complete) {
          const during = [...state.running].join(', ') || 'its start';
          state.broke.push(`vitest ended (${signal ?? `exit ${code}`}) during ${during}`);
        } else if (code !== 0 && state.broke.length === 0 && failedFiles().length === 0)
          state.broke.push(`vitest: exit ${code}`);
        ended();
      },
      failedFiles,
      again: (files) => {
        const second = this.#state();
        return this.#part(second, () => this.#settle(state, second, files));
      },
    };
  }

  #settle(first: PartState, second: PartState, files: readonly string[]): void {
    for (const file of files) {
      const [was, is] = [first.files.get(file), second.files.get(file)];
      if (second.broke.length > 0 || is === undefined || !fine(is)) {
        this.#notes.push(`failed twice: ${file}`);
        continue;
      }
      first.files.set(file, is);
      const what = [...(was?.failed ?? []), ...(was?.broken === true ? ['outside its tests'] : [])];
      this.#notes.push(`passed the second time only, in a fresh sandbox: ${file}: ${what.join('; ')}`);
    }
  }

  /** Something failed that is no test: it counts as one failure. */
  broke(problem: string): void {
    this.#broke.push(problem);
  }

  /** All parts have ended. */
  ended(): void {
    const { passed, failed, skipped } = this.#sum();
    if (passed + failed + skipped === 0) this.broke('no test ran');
  }

  /** Files that have begun and not ended. */
  unfinished(): readonly string[] {
    return this.#running.flatMap((running) => [...running]);
  }

  #skips(): readonly { readonly test: string; readonly reason: string; readonly forbidden: boolean }[] {
    if (this.#filtered) return [];
    return this.#parts.flatMap(({ files }) =>
      [...files].flatMap(([file, { skipped }]) =>
        skipped.map(({ test, reason }) => ({
          test: `${file} > ${test}`,
          reason,
          forbidden: this.#inCi && !reason.startsWith(allowed),
        })),
      ),
    );
  }

  problems(): readonly string[] {
    const ofFiles = this.#parts.flatMap(({ files, broke }) => [
      ...[...files].filter(([, { broken }]) => broken).map(([file]) => `failed outside its tests: ${file}`),
      ...broke,
    ]);
    const ofSkips = this.#skips().flatMap(({ test, reason, forbidden }) => [
      `skipped: ${test}: ${reason === '' ? 'no reason given' : reason}`,
      ...(forbidden ? [`in CI a skip needs a reason that begins with "${allowed}": ${test}`] : []),
    ]);
    return [...this.#notes, ...ofFiles, ...this.#broke, ...ofSkips];
  }

  #sum(): { readonly passed: number; readonly failed: number; readonly skipped: number } {
    let [passed, failed, skipped] = [0, this.#broke.length, 0];
    for (const { files, broke } of this.#parts) {
      failed += broke.length;
      for (const outcome of files.values()) {
        passed += outcome.passed;
        failed += outcome.failed.length + (outcome.broken ? 1 : 0);
        skipped += outcome.skipped.length;
      }
    }
    failed += this.#skips().filter(({ forbidden }) => forbidden).length;
    return { passed, failed, skipped };
  }

  ok(): boolean {
    const { passed, failed } = this.#sum();
    return failed === 0 && passed > 0;
  }

  lastLine(): string {
    const { passed, failed, skipped } = this.#sum();
    return `${passed} passed, ${failed} failed, ${skipped} skipped`;
  }
}
