// Network: created once, before anything else.

import { type Command, InvalidArgumentError } from 'commander';
import type { SignUpPolicy } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { routingVerb } from './network-routing.ts';
import type { Session } from './session.ts';

interface CreateOptions extends ChangeOptions {
  readonly allowDocumentationSpace?: boolean;
}

// records.proto, SignUpPolicy.
const policies = ['', 'approval', 'open', 'closed'] as const;

function policy(text: string): SignUpPolicy {
  const at = (policies as readonly string[]).indexOf(text);
  // The words stand in the order of their numbers.
  if (at > 0) return at as SignUpPolicy;
  throw new InvalidArgumentError(`one of ${policies.slice(1).join(', ')}.`);
}

interface SignUpOptions extends ChangeOptions {
  readonly publicUrl?: string;
}

export function networkVerbs(network: Command, session: Session): void {
  routingVerb(network, session);
  withChangeOptions(network.command('sign-up').argument('[policy]', 'approval, open or closed', policy), 'existing')
    .description('set who gets an account, and where links in mails lead')
    .option('--public-url <url>', 'https://connect.example.org; an empty one: mails tell the command')
    .action(async (asked: SignUpPolicy | undefined, options: SignUpOptions) => {
      const { people } = await session.client();
      const { publicUrl } = options;
      const wanted = { policy: asked ?? (0 as const), ...(publicUrl === undefined ? {} : { publicUrl }) };
      await change(session, options, {
        send: () => people.setSignUp({ change: changeOf(options), ...wanted }),
        show: (answer) =>
          session.record(answer, answer, [
            ['sign-up', (set) => policies[set.policy] || 'approval'],
            ['links lead to', (set) => set.publicUrl || 'nowhere: mails tell the command'],
          ]),
      });
    });
  withChangeOptions(network.command('create').argument('<name>', 'for people'), 'new')
    .description('create the network and the realm "internet"')
    .option('--allow-documentation-space', 'pools may lie in documentation prefixes (labs only)')
    .action(async (name: string, options: CreateOptions) => {
      const { fabric } = await session.client();
      const allowDocumentationSpace = options.allowDocumentationSpace ?? false;
      await change(session, options, {
        send: () => fabric.createNetwork({ change: changeOf(options), name, allowDocumentationSpace }),
        show: (answer) =>
          session.record(answer, answer.network, [
            ['name', (made) => made.name],
            ['uid', (made) => made.uid],
          ]),
      });
    });
}
