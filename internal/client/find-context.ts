// Find context: which network is meant.

import { Fault } from '#internal/errors/errors.ts';
import { type Context, labNamed, livingLabs, readContext, type Surroundings } from './context.ts';
import { contextFileNamed, currentContextFile } from './named-contexts.ts';

export interface FindOptions extends Surroundings {
  /** A context's file or its name; before everything else. */
  readonly file?: string;
}

/**
 * By file or name, POP44_CONTEXT, POP44_LAB, the context in use, then the newest lab that lives. Throws Fault
 * `no-context` or `context`.
 */
export function findContext({ file, env, uid }: FindOptions): Context {
  const named = file ?? env['POP44_CONTEXT'];
  if (named !== undefined && named !== '') return readContext(contextFileNamed(named, env) ?? named);
  const lab = env['POP44_LAB'];
  if (lab !== undefined && lab !== '') return labNamed(lab, env, uid);
  const current = currentContextFile(env);
  if (current !== undefined) return readContext(current);
  const [newest] = livingLabs(env, uid);
  if (newest !== undefined) return newest;
  const cure = 'npm start starts one; --context FILE names another network, pop44 context add keeps it';
  throw new Fault('no-context', `no lab is running (${cure})`);
}
