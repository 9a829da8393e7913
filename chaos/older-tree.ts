// Older tree: which commit runs, and the sources as they were before the schema changed last, for a daemon that was not upgraded yet.

import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';

const tree = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** The work tree may be another user's than the sandbox's root. */
const git = async (args: readonly string[]): Promise<string> =>
  (await run({ file: 'git', args: ['-c', 'safe.directory=*', '-C', tree, ...args] })).stdout.trim();

/** Of the tree that runs, with a star where it holds more than that; `none` without a git history. */
export const ownCommit = (): Promise<string> =>
  git(['describe', '--always', '--dirty=*', '--exclude=*']).catch(() => 'none');

/** Copies them below `directory`. Gives where, and of which commit; or why not. */
export async function olderTree(
  directory: string,
): Promise<{ readonly tree: string; readonly commit: string } | { readonly why: string }> {
  try {
    const changed = await git(['log', '-1', '--format=%H', '--', 'proto']);
    const commit = await git(['rev-parse', '--short', `${changed}^`]);
    const older = join(directory, 'older');
    await mkdir(older, { recursive: true });
    const archive = join(directory, 'older.tar');
    await git(['archive', `--output=${archive}`, commit]);
    await run({ file: 'tar', args: ['-x', '-f', archive, '-C', older] });
    await symlink(join(tree, 'node_modules'), join(older, 'node_modules'));
    return { tree: older, commit };
  } catch (thrown) {
    return { why: `there is no older commit to take it from: ${messageOf(thrown)}` };
  }
}
