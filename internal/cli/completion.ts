// Completion: scripts for shells, which ask this program what may come next.
//
// `pop44 completion next -- WORDS` answers a line each, from commander's own tree, so that a new verb or option is known
// without a new script. No daemon is asked: a key that is pressed must not wait for a network.

import { Command, Option } from 'commander';
import type { Session } from './session.ts';

export interface Candidate {
  readonly word: string;
  readonly description: string;
}

// The word that is being typed is the last; `files` says that a file's name would do.
const scripts = {
  bash: `# In ~/.bashrc: source <(pop44 completion bash)
_pop44() {
  local IFS=$'\\n' line
  COMPREPLY=()
  while read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      COMPREPLY+=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
    else
      COMPREPLY+=("\${line%%$'\\t'*}")
    fi
  done < <(pop44 completion next -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _pop44 pop44
`,
  zsh: `#compdef pop44
# In ~/.zshrc, after compinit: source <(pop44 completion zsh)
_pop44() {
  local -a found
  local line
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      _files
    else
      found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done < <(pop44 completion next -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe pop44 found
}
compdef _pop44 pop44
`,
  fish: `# pop44 completion fish > ~/.config/fish/completions/pop44.fish
function __pop44_next
  set -l words (commandline -opc) (commandline -ct)
  for line in (pop44 completion next -- $words[2..-1] 2>/dev/null)
    if test "$line" = ":files"
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c pop44 -f -a '(__pop44_next)'
`,
} as const;

export function completionVerb(completion: Command, session: Session): void {
  for (const [shell, script] of Object.entries(scripts)) {
    completion
      .command(shell)
      .description(`print the script for ${shell}; its first lines tell where it goes`)
      .action(() => session.print(script));
  }
  completion
    .command('next', { hidden: true })
    .argument('[words...]', 'after --: what stands after pop44, the last of it being typed')
    .action(async (words: readonly string[]) => {
      const { wholeProgram } = await import('./program.ts');
      const { candidates, files } = nextWords(await wholeProgram(session), words);
      for (const { word, description } of candidates) session.print(`${word}\t${description}\n`);
      if (files) session.print(':files\n');
    });
}

const visible = (command: Command): readonly Command[] =>
  new Command()
    .createHelp()
    .visibleCommands(command)
    .filter(({ parent }) => parent === command);

/** What may follow, of what begins like the last word. O(words × options of a command). */
export function nextWords(
  program: Command,
  words: readonly string[],
): { readonly candidates: readonly Candidate[]; readonly files: boolean } {
  const typed = words.at(-1) ?? '';
  let at = program;
  let wants: Option | undefined;
  let given = 0;
  for (const word of words.slice(0, -1)) {
    if (wants !== undefined) {
      wants = undefined;
      continue;
    }
    // What follows is another program's.
    if (word === '--') return { candidates: [], files: true };
    const option = optionsOf(at).find((each) => isCalled(each, word));
    if (option !== undefined) wants = takesValue(option) ? option : undefined;
    else if (!word.startsWith('-')) {
      const next = at.commands.find((command) => command.name() === word || command.aliases().includes(word));
      if (next === undefined) given += 1;
      else [at, given] = [next, 0];
    }
  }
  const matching = (found: readonly Candidate[]) => found.filter(({ word }) => word.startsWith(typed));
  if (wants !== undefined) return valuesOf(wants, matching);
  const [, name, value] = /^(--[a-z0-9-]+)=(.*)$/.exec(typed) ?? [];
  const named = name === undefined ? undefined : optionsOf(at).find((each) => isCalled(each, name));
  if (named !== undefined) {
    const begun = (named.argChoices ?? []).filter((choice) => choice.startsWith(value ?? ''));
    return { candidates: begun.map((word) => ({ word: `${name}=${word}`, description: '' })), files: false };
  }
  if (typed.startsWith('-')) {
    const options = optionsOf(at).flatMap((option) =>
      option.long === undefined || option.hidden ? [] : [{ word: option.long, description: option.description }],
    );
    return { candidates: matching(options), files: false };
  }
  const commands = visible(at).map((command) => ({ word: command.name(), description: command.description() }));
  const argument = at.registeredArguments[given] ?? at.registeredArguments.findLast(({ variadic }) => variadic);
  return { candidates: matching(commands), files: commands.length === 0 && argument?.name() === 'file' };
}

/** The program's own options hold behind every verb. */
function optionsOf(command: Command): readonly Option[] {
  const inherited = command.parent === null ? [] : optionsOf(command.parent);
  return [...command.options, ...inherited, new Option('-h, --help', 'display help for command')];
}

/** --wait alone is whole, and takes its value by =. */
const takesValue = (option: Option): boolean => option.required && option.long !== '--wait';

function valuesOf(option: Option, matching: (found: readonly Candidate[]) => readonly Candidate[]) {
  const choices = option.argChoices ?? [];
  if (choices.length > 0)
    return { candidates: matching(choices.map((word) => ({ word, description: '' }))), files: false };
  // `--file <out.conf>`, `--key-file <file>`, `--identity <file>`.
  return { candidates: [], files: /<[^>]*(file|\.conf|folder)[^>]*>/.test(option.flags) };
}

const isCalled = (option: Option, word: string): boolean => option.short === word || option.long === word;
