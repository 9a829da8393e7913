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
}

export class Counts {
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  readonly #inCi: boolean;
  readonly #filtered: boolean;
  readonly #problems: string[] = [];
  readonly #parts: Set<string>[] = [];

  /** `filtered`: tests were chosen by name, so that all others count as skipped and nobody minds. */
  constructor(options: { readonly inCi: boolean; readonly filtered: boolean }) {
    this.#inCi = options.inCi;
    this.#filtered = options.filtered;
  }

  begin(): Part {
    let complete = false;
    const running = new Set<string>();
    const broken = new Set<string>();
    let failed = 0;
    this.#parts.push(running);
    return {
      take: (text) => {
        const line = JSON.parse(text) as TallyLine;
        if ('complete' in line) complete = true;
        else if ('started' in line) running.add(line.started);
        else if ('ended' in line) running.delete(line.ended);
        else if ('broken' in line) broken.add(line.broken);
        else if ('reason' in line) this.#skip(line.test, line.reason);
        else if (line.state === 'passed') this.#passed += 1;
        else {
          this.#failed += 1;
          failed += 1;
        }
      },
      exited: (code, signal) => {
        for (const file of broken) this.broke(`failed outside its tests: ${file}`);
        if (!complete) {
          this.broke(`vitest ended (${signal ?? `exit ${code}`}) during ${[...running].join(', ') || 'its start'}`);
        } else if (code !== 0 && failed + broken.size === 0) this.broke(`vitest: exit ${code}`);
      },
    };
  }

  #skip(test: string, reason: string): void {
    this.#skipped += 1;
    if (this.#filtered) return;
    this.#problems.push(`skipped: ${test}: ${reason === '' ? 'no reason given' : reason}`);
    if (this.#inCi && !reason.startsWith(allowed)) {
      this.broke(`in CI a skip needs a reason that begins with "${allowed}": ${test}`);
    }
  }

  /** Something failed that is no test: it counts as one failure. */
  broke(problem: string): void {
    this.#failed += 1;
    this.#problems.push(problem);
  }

  /** All parts have ended. */
  ended(): void {
    if (this.#failed === 0 && this.#passed + this.#skipped === 0) this.broke('no test ran');
  }

  /** Files that have begun and not ended. */
  unfinished(): readonly string[] {
    return this.#parts.flatMap((running) => [...running]);
  }

  problems(): readonly string[] {
    return this.#problems;
  }

  ok(): boolean {
    return this.#failed === 0 && this.#passed > 0;
  }

  lastLine(): string {
    return `${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped`;
  }
}
