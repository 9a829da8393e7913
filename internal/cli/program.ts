// Program: every noun and its verbs, and the options that all of them have.

import { Command, Help, Option } from 'commander';
import { type GlobalOptions, outputs, type Session } from './session.ts';

/** Adds the verbs of a noun, or the options of a noun that is its own verb. */
export type Verbs = (noun: Command, session: Session) => void;

interface Noun {
  readonly name: string;
  readonly description: string;
  /** Each is loaded when it is spoken: `pop44 --help` answers three times as fast. */
  readonly verbs: () => Promise<Verbs>;
}

const nouns: readonly Noun[] = [
  {
    name: 'network',
    description: 'the network itself: create, sign-up',
    verbs: async () => (await import('./network.ts')).networkVerbs,
  },
  {
    name: 'pop',
    description: 'locations: create, list, near, update, key',
    verbs: async () => (await import('./pop.ts')).popVerbs,
  },
  {
    name: 'anycast',
    description: 'PoPs that share one endpoint and one key: create, delete, list, get, describe, watch',
    verbs: async () => (await import('./anycast.ts')).anycastVerbs,
  },
  {
    name: 'node',
    description: 'machines of PoPs: create, list, update, revoke, certificates, token, sealing-key',
    verbs: async () => (await import('./node.ts')).nodeVerbs,
  },
  {
    name: 'ca',
    description: 'who signs certificates: list, add, use, retire, trust',
    verbs: async () => (await import('./ca.ts')).caVerbs,
  },
  {
    name: 'interconnect',
    description: 'links between nodes: create, list, delete',
    verbs: async () => (await import('./interconnect.ts')).interconnectVerbs,
  },
  {
    name: 'upstream',
    description: 'transit BGP sessions: create, list',
    verbs: async () => (await import('./upstream.ts')).upstreamVerbs,
  },
  {
    name: 'pool',
    description: 'prefixes to cut addresses from: create, list, get, grow, delegate, drain, reserve, check, ...',
    verbs: async () => (await import('./pool.ts')).poolVerbs,
  },
  {
    name: 'allocation',
    description: 'addresses and prefixes that owners hold: create, list, release',
    verbs: async () => (await import('./allocation.ts')).allocationVerbs,
  },
  {
    name: 'quota',
    description: 'how much an owner may hold: set, list',
    verbs: async () => (await import('./quota.ts')).quotaVerbs,
  },
  {
    name: 'tunnel',
    description:
      "subscribers' WireGuard links: create, list, get, update, rotate-key, suspend, delete, file, probe, ...",
    verbs: async () => (await import('./tunnel.ts')).tunnelVerbs,
  },
  {
    name: 'apply',
    description: 'make the network as documents say, after showing the differences',
    verbs: async () => (await import('./apply.ts')).applyVerb,
  },
  {
    name: 'whois',
    description: 'who has an address, or had it',
    verbs: async () => (await import('./whois.ts')).whoisVerb,
  },
  {
    name: 'explain',
    description: 'what nodes do with a packet, and by which rule; what the death of a node would cost',
    verbs: async () => (await import('./explain.ts')).explainVerb,
  },
  {
    name: 'blackhole',
    description: 'addresses under attack, given up for a while: create, list, delete',
    verbs: async () => (await import('./blackhole.ts')).blackholeVerbs,
  },
  {
    name: 'account',
    description: 'your own: sign-up, verify, reset, password, delete',
    verbs: async () => (await import('./account.ts')).accountVerbs,
  },
  {
    name: 'login',
    description: 'log in; list, revoke',
    verbs: async () => (await import('./login.ts')).loginVerbs,
  },
  {
    name: 'logout',
    description: 'end the login of this context',
    verbs: async () => (await import('./login.ts')).logoutVerb,
  },
  {
    name: 'whoami',
    description: 'show as whom this context calls',
    verbs: async () => (await import('./login.ts')).whoamiVerb,
  },
  {
    name: 'token',
    description: 'what scripts call with: create, list, revoke',
    verbs: async () => (await import('./token.ts')).tokenVerbs,
  },
  {
    name: 'user',
    description: 'accounts: list, get, approve, suspend, reinstate, delete, role',
    verbs: async () => (await import('./user.ts')).userVerbs,
  },
  {
    name: 'admin',
    description: 'bootstrap the first admin; mails that wait',
    verbs: async () => (await import('./admin.ts')).adminVerbs,
  },
  {
    name: 'audit',
    description: 'who has changed what: list, verify, export',
    verbs: async () => (await import('./audit.ts')).auditVerbs,
  },
  {
    name: 'status',
    description: 'show the network as a daemon sees it',
    verbs: async () => (await import('./status.ts')).statusVerb,
  },
  {
    name: 'top',
    description: 'show how busy nodes are, or which tunnels are the busiest, each second',
    verbs: async () => (await import('./top.ts')).topVerb,
  },
  {
    name: 'doctor',
    description: 'look for what is wrong, and say what helps; exit 1 when something has failed',
    verbs: async () => (await import('./doctor.ts')).doctorVerb,
  },
  {
    name: 'mesh',
    description: 'show which node hears which, and how well',
    verbs: async () => (await import('./mesh.ts')).meshVerb,
  },
  {
    name: 'wait',
    description: 'wait until nodes have applied a revision; exit 4 when they have not',
    verbs: async () => (await import('./wait.ts')).waitVerb,
  },
  {
    name: 'brake',
    description: 'holds a snapshot that would remove too much: release',
    verbs: async () => (await import('./brake.ts')).brakeVerbs,
  },
  {
    name: 'completion',
    description: 'print what lets a shell complete: bash, zsh, fish',
    verbs: async () => (await import('./completion.ts')).completionVerb,
  },
  {
    name: 'context',
    description: 'networks to talk to, by name: list, add, use, delete',
    verbs: async () => (await import('./context.ts')).contextVerbs,
  },
  {
    name: 'lab',
    description: 'labs on this machine: list, exec',
    verbs: async () => (await import('./lab.ts')).labVerbs,
  },
];

/** The whole tree: what completion is made from. */
export async function wholeProgram(session: Session): Promise<Command> {
  const program = buildProgram(session);
  for (const { name, verbs } of nouns) {
    const noun = program.commands.find((command) => command.name() === name);
    if (noun !== undefined) (await verbs())(noun.helpCommand(false), session);
  }
  return program;
}

export function buildProgram(session: Session): Command {
  const { stdout, stderr, version } = session.io;
  const program = new Command('pop44')
    .description('Runs a network of 44Net points of presence.')
    .version(version)
    // It would show nouns whose verbs are not loaded; `pop44 NOUN --help` loads them.
    .helpCommand(false)
    .addOption(new Option('-o, --output <form>', 'how answers are shown').choices(outputs).default('table'))
    .option(
      '--context <name>',
      'network, by name or file; default: POP44_CONTEXT, POP44_LAB, context use, the newest lab',
    )
    .option('--node <id>', 'ask the daemon of this node and no other')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 fault or something left, 2 usage, 3 refused, 4 accepted and not applied yet.',
    )
    .configureHelp({
      // An empty text or a zero says "not given", which the descriptions say better.
      optionDescription(option) {
        const given: unknown = option.defaultValue;
        return given === '' || given === 0 ? option.description : Help.prototype.optionDescription(option);
      },
    })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'pop44: ')),
    })
    .hook('preSubcommand', async (_, spoken) => {
      const noun = nouns.find(({ name }) => name === spoken.name());
      if (noun !== undefined) (await noun.verbs())(spoken.helpCommand(false), session);
    })
    .hook('preAction', (self) => {
      session.options = self.opts<GlobalOptions>();
    });
  for (const { name, description } of nouns) program.command(name).description(description);
  return program;
}
