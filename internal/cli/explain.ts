// Explain: what nodes do with one packet, and by which rule.

import { type Command, InvalidArgumentError } from 'commander';
import type { Client } from '#internal/client/client.ts';
import { Fault } from '#internal/errors/errors.ts';
import type { ExplainResponse, Step, Walk } from '#internal/gen/pop44/v1/explain_pb.ts';
import { askFailure } from './explain-failure.ts';
import { UsageError } from './io.ts';
import { type Column, harmless } from './layout.ts';
import type { Session } from './session.ts';

interface ExplainOptions {
  readonly from?: string;
  readonly to?: string;
  readonly protocol?: string;
  readonly port?: number;
}

/** What it names is the daemon's to judge. */
function portNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('1 to 65535.');
  return Number(text);
}

export function explainVerb(explain: Command, session: Session): void {
  explain
    .argument('[subject]', 'a tunnel (id, owner/name, or name), or an address of ours')
    .option('--from <address>', 'where the packet is from; default: somewhere on the internet')
    .option('--to <address>', 'the subject sends the packet, to this address')
    .option('--protocol <protocol>', 'tcp, udp, icmp or a number; default: tcp with a port, else icmp')
    .option('--port <port>', 'of tcp and udp', portNumber)
    .option('--failure <node>', 'what the death of this node would cost each of its tunnels, instead of a packet')
    .action(async (subject: string | undefined, { failure, ...options }: ExplainOptions & { failure?: string }) => {
      if ((failure === undefined) === (subject === undefined))
        throw new UsageError('explain wants a tunnel or an address, or --failure NODE alone');
      if (failure !== undefined && Object.keys(options).length > 0)
        throw new UsageError('--failure NODE is about no packet: it goes without --from, --to, --protocol and --port');
      await (failure === undefined
        ? ask(session, { subject: subject ?? '', ...options })
        : askFailure(session, failure));
    });
}

type Question = ExplainOptions & { readonly subject: string };

async function ask(session: Session, question: Question): Promise<void> {
  const client = await session.client();
  const first = await client.explain.explain(question);
  const nodes = session.options.node === undefined ? first.nodeIds : [first.nodeId];
  const told = await Promise.all(
    nodes.map(async (node) => (node === first.nodeId ? first : at(client, node, question))),
  );
  if (session.wantsData()) {
    for (const answer of told) if (!(answer instanceof Fault)) await session.data(answer);
  } else {
    // The name of the node is the daemon's word and harmless; reasons of suspension are people's.
    for (const [at, answer] of told.entries())
      for (const line of answer instanceof Fault ? [`not known at ${nodes[at]}: ${answer.code}`] : verdictOf(answer))
        session.print(`${harmless(line)}\n`);
    const [detail] = told.flatMap((answer) => (answer instanceof Fault ? [] : [answer]));
    if (detail !== undefined) await session.section(rowsOf(detail), columns);
  }
  session.aged(first.freshness);
}

/** One that cannot be asked is told as such: what the others do is worth showing all the same. */
async function at(client: Client, node: string, question: Question): Promise<ExplainResponse | Fault> {
  try {
    return await client.at(node).explain.explain(question);
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
}

/** What is, where it is known, then what should be, and what to do. */
function verdictOf(answer: ExplainResponse): readonly string[] {
  const { nodeId, plan, kernel, kernelProblem, difference, cure, held } = answer;
  const walk = kernel ?? plan;
  return [
    `${walk?.verdict ?? ''} at ${nodeId}: ${walk?.reason ?? ''}`,
    ...(kernelProblem === '' ? [] : [`  as planned; of the kernel nothing is known: ${kernelProblem}`]),
    ...(difference === '' ? [] : [`  the kernel is not as planned (compared each 10 s): ${difference}`]),
    ...(held === '' ? [] : [`  the brake holds the newest records: ${held}`]),
    ...(cure === '' ? [] : [`  to let it pass: ${cure}`]),
  ];
}

interface Row {
  readonly step: Step;
  readonly of: string;
}
const columns: readonly Column<Row>[] = [
  ['step', ({ step }) => step.where],
  ['of', ({ of }) => of],
  ['verdict', ({ step }) => step.verdict],
  ['rule', ({ step }) => step.rule],
  ['evidence', ({ step }) => step.evidence],
];

/** Where both say the same, one row. */
function rowsOf({ plan, kernel }: ExplainResponse): readonly Row[] {
  const stepsOf = (walk: Walk | undefined): readonly Step[] => walk?.steps ?? [];
  const found = new Map(stepsOf(kernel).map((step) => [step.where, step]));
  const planned = new Set(stepsOf(plan).map(({ where }) => where));
  const text = ({ verdict, rule, evidence }: Step): string => JSON.stringify([verdict, rule, evidence]);
  return [
    ...stepsOf(plan).flatMap((step) => {
      const other = found.get(step.where);
      if (other !== undefined && text(other) === text(step)) return [{ step, of: 'both' }];
      return [{ step, of: 'plan' }, ...(other === undefined ? [] : [{ step: other, of: 'kernel' }])];
    }),
    ...stepsOf(kernel)
      .filter(({ where }) => !planned.has(where))
      .map((step) => ({ step, of: 'kernel' })),
  ];
}
