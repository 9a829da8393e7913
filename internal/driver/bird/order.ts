// Order: commands that a running BIRD must carry out.

import { Fault } from '#internal/errors/errors.ts';
import type { Daemon } from './daemon.ts';
import { lastText, parseStatus, type Reply, type Status, succeeded } from './parse.ts';
import { commands } from './render.ts';

/** @throws Fault `gone`, or `bird` with what it says */
export async function order(daemon: Daemon, command: string): Promise<Reply> {
  const reply = await daemon.ask(command);
  if (reply === undefined) throw new Fault('gone', `BIRD of ${daemon.netns} has ended`);
  if (!succeeded(reply)) throw new Fault('bird', `BIRD of ${daemon.netns}: ${lastText(reply)}`);
  return reply;
}

export const statusOf = async (daemon: Daemon): Promise<Status> => parseStatus(await order(daemon, commands.status));
