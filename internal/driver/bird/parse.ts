// Parse: answers of BIRD's control socket. A line is `NNNN-text` (more of the answer follows), `NNNN text` (its last
// line) or ` text` (as the line before); doc/reply_codes of BIRD 2.

export interface ReplyLine {
  readonly code: number;
  readonly text: string;
}

export interface Reply {
  /** Of the last line: 0xxx done, 8xxx failed, 9xxx not understood. */
  readonly code: number;
  readonly lines: readonly ReplyLine[];
}

/** Takes text in pieces and gives an answer each time one is whole. */
export function createReplyParser(onReply: (reply: Reply) => void): (text: string) => void {
  let rest = '';
  let lines: ReplyLine[] = [];
  return (text) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      // `+text` is no answer: what BIRD logs meanwhile, told to who has asked for the configuration.
      if (part.startsWith('+')) continue;
      const coded = /^(\d{4})([- ])(.*)$/.exec(part);
      const code = coded === null ? (lines.at(-1)?.code ?? 0) : Number(coded[1]);
      lines.push({ code, text: coded === null ? part.slice(1) : (coded[3] ?? '') });
      if (coded?.[2] !== ' ') continue;
      const reply = { code, lines };
      lines = [];
      onReply(reply);
    }
  };
}

/** `Nothing to do`: there was nothing to confirm or to undo. */
export const didNothing = (reply: Reply): boolean => reply.code === 19;

export const succeeded = (reply: Reply): boolean => reply.code < 8000;

/** The last line says what happened: `/run/p1/pop.bird.conf:7:3 syntax error`. */
export const lastText = (reply: Reply): string => reply.lines.at(-1)?.text ?? '';

export interface Status {
  readonly rebootAt: string;
  readonly reconfiguredAt: string;
  /** Neither reconfiguring nor shutting down. */
  readonly settled: boolean;
}

/** `show status` */
export function parseStatus(reply: Reply): Status {
  const after = (words: string): string =>
    reply.lines.find(({ text }) => text.startsWith(words))?.text.slice(words.length) ?? '';
  return {
    rebootAt: after('Last reboot on '),
    reconfiguredAt: after('Last reconfiguration on '),
    settled: lastText(reply) === 'Daemon is up and running',
  };
}

export interface Protocol {
  readonly name: string;
  /** `BGP`, `Kernel`, `Static` ... */
  readonly type: string;
  /** Where its routes are; of one that has several, or none: `---`. */
  readonly table: string;
  readonly state: 'up' | 'start' | 'stop' | 'down';
  /** Of a BGP session: `Established`, `Active`, `Idle          BGP Error: ...`. */
  readonly info: string;
}

const isState = (text: string): text is Protocol['state'] => ['up', 'start', 'stop', 'down'].includes(text);

const isEstablished = ({ type, info }: Protocol): boolean => type === 'BGP' && info.startsWith('Established');
/** Names of the BGP sessions that are. */
export const establishedIn = (protocols: readonly Protocol[]): ReadonlySet<string> =>
  new Set(protocols.filter(isEstablished).map(({ name }) => name));

/** `show protocols` */
export function parseProtocols(lines: readonly ReplyLine[]): readonly Protocol[] {
  return lines.flatMap(({ code, text }) => {
    const [name, type, table = '', state = '', , ...info] = text.trim().split(/\s+/);
    if (code !== 1002 || name === undefined || type === undefined || !isState(state)) return [];
    return [{ name, type, table, state, info: info.join(' ') }];
  });
}

/** `show ospf neighbors p44ospf4`: `p44ospf4_p44i-p1-p2` for each interface with an adjacency (RFC 2328 10.1) that is full. */
export function adjacenciesIn(ospf: string, lines: readonly ReplyLine[]): readonly string[] {
  return lines.flatMap(({ code, text }) => {
    const [, , state, , dev] = text.trim().split(/\s+/);
    return code === 1013 && dev !== undefined && state?.startsWith('Full/') === true ? [`${ospf}_${dev}`] : [];
  });
}

/** `show route table p44igp4 protocol p44ospf4`: `p44ospf4_198.18.210.2/32` for each prefix that it leads to. */
export const reachedIn = (ospf: string, lines: readonly ReplyLine[]): readonly string[] =>
  lines.flatMap(({ code, text }) => {
    const prefix = /^([0-9a-f.:]+\/\d{1,3})\s+unicast /.exec(text)?.[1];
    return code === 1007 && prefix !== undefined ? [`${ospf}_${prefix}`] : [];
  });

export interface BfdSession {
  readonly address: string;
  readonly dev: string;
  readonly state: 'Up' | 'Down' | 'Init' | 'AdminDown';
}

const isBfdState = (text: string): text is BfdSession['state'] => ['Up', 'Down', 'Init', 'AdminDown'].includes(text);

/** `show bfd sessions` */
export function parseBfdSessions(lines: readonly ReplyLine[]): readonly BfdSession[] {
  return lines.flatMap(({ code, text }) => {
    const [address, dev, state] = text.trim().split(/\s+/);
    if (code !== 1020 || address === undefined || dev === undefined || state === undefined || !isBfdState(state))
      return [];
    return [{ address, dev, state }];
  });
}

/** Of a prefix, the MED (RFC 4271 5.1.4) of a route to it. */
export type Med = readonly [prefix: string, med: number];

/** `show route ... all`: the MEDs of routes that have one, which are BGP's. */
export function parseMeds(lines: readonly ReplyLine[]): readonly Med[] {
  // Said once, with the first of its routes.
  let prefix = '';
  return lines.flatMap(({ text }): readonly Med[] => {
    prefix = /^([0-9a-f.:]+\/\d{1,3})\s/.exec(text)?.[1] ?? prefix;
    const med = /^\s*BGP\.med: (\d{1,10})$/.exec(text)?.[1];
    return med === undefined ? [] : [[prefix, Number(med)]];
  });
}
