// Tally: a vitest reporter that tells the counts to the process outside the sandbox, as JSON lines on descriptor 3.

import { writeSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';

/** One line. A test, a file begun or ended, one that failed outside its tests, an error outside all files, or the end. */
export type TallyLine =
  | { readonly file: string; readonly test: string; readonly state: 'passed' | 'failed' }
  | { readonly file: string; readonly test: string; readonly state: 'skipped'; readonly reason: string }
  | { readonly started: string }
  | { readonly ended: string }
  | { readonly broken: string }
  | { readonly unhandled: string }
  | { readonly complete: true };

const tell = (line: TallyLine): void => {
  writeSync(3, `${JSON.stringify(line)}\n`);
};

// oxlint-disable-next-line import/no-default-export -- vitest takes a reporter file's default export
export default class Tally implements Reporter {
  onTestModuleStart(module: TestModule): void {
    tell({ started: module.relativeModuleId });
  }

  onTestModuleEnd(module: TestModule): void {
    tell({ ended: module.relativeModuleId });
  }

  onTestCaseResult(test: TestCase): void {
    const which = { file: test.module.relativeModuleId, test: test.fullName };
    const result = test.result();
    if (result.state === 'skipped') tell({ ...which, state: 'skipped', reason: result.note ?? '' });
    else if (result.state !== 'pending') tell({ ...which, state: result.state });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    for (const module of modules) {
      // A file whose import failed, or whose hooks did, has failed without a failed test in it.
      const suites = [module, ...module.children.allSuites()];
      for (const suite of suites) if (suite.errors().length > 0) tell({ broken: module.relativeModuleId });
    }
    for (const error of unhandled) tell({ unhandled: error.message });
    tell({ complete: true });
  }
}
