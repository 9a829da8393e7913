// Counts: what a test run came to, out of the lines of the tally.

import type { TallyLine } from './tally.ts';

/** In CI a skip is a failure, unless its reason begins with this word. `ctx.skip('allowed: this kernel has no WireGuard')` */
const allowed = 'allowed: ';

export class Counts {
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  #complete = false;
  readonly #inCi: boolean;
  readonly #filtered: boolean;
  readonly #problems: string[] = [];
  readonly #running = new Set<string>();
  readonly #broken = new Set<string>();

  /** `filtered`: tests were chosen by name, so that all others count as skipped and nobody minds. */
  constructor(options: { readonly inCi: boolean; readonly filtered: boolean }) {
    this.#inCi = options.inCi;
    this.#filtered = options.filtered;
  }

  /** One line of the tally. */
  take(text: string): void {
    const line = JSON.parse(text) as TallyLine;
    if ('complete' in line) this.#complete = true;
    else if ('started' in line) this.#running.add(line.started);
    else if ('ended' in line) this.#running.delete(line.ended);
    else if ('broken' in line) this.#broken.add(line.broken);
    else if ('reason' in line) this.#skip(line.test, line.reason);
    else if (line.state === 'passed') this.#passed += 1;
    else this.#failed += 1;
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

  /** The run's process has ended by itself. */
  exited(code: number | null, signal: string | null): void {
    for (const file of this.#broken) this.broke(`failed outside its tests: ${file}`);
    if (!this.#complete) {
      this.broke(`vitest ended (${signal ?? `exit ${code}`}) during ${this.unfinished().join(', ') || 'its start'}`);
    }
    if (this.#failed > 0) return;
    if (this.#passed + this.#skipped === 0) this.broke('no test ran');
    else if (code !== 0) this.broke(`vitest: exit ${code}`);
  }

  /** Files that have begun and not ended. */
  unfinished(): readonly string[] {
    return [...this.#running];
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
