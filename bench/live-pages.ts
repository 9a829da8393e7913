// Live pages: event streams of so many open pages, each of a login of its own, and what they cost the daemons behind them.

import { request } from 'node:https';
import { goodPassword, newSecret } from '#internal/testkit/accounts.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { publicKey } from '#internal/testkit/requests.ts';
import type { WebScene } from '#internal/testkit/web-scene.ts';
import { type Figures, figure, median } from './report.ts';
import { callsignOf } from './visitors.ts';

/** Bearers of an account: a site asks a question for each, as for each login. A user has at most 40 tokens. */
const bearersOfOne = 40;
/** Below the connections that a site takes of one address (web/listen.ts). */
const pagesOfSource = 150;
const withinMs = 60_000;
/** A page is told again of what has not changed every 20 s, by a comment (web/live.ts). */
const watchedMs = 20_000;

interface OpenPage {
  /** What it was told, with `performance.now()` of each. */
  readonly told: (readonly [atMs: number, text: string])[];
  close(): void;
}

/** A plain client that holds the event stream of a page. */
function openPage(scene: WebScene, secret: string, source: string): OpenPage {
  const told: [number, string][] = [];
  const sent = request(`${scene.publicUrl}/live`, {
    ...{ ca: scene.ca, localAddress: source, agent: false, servername: 'localhost' },
    headers: { cookie: `__Host-pop44=${secret}` },
    // The name has an IPv6 address too, where nobody listens.
    family: 4,
  });
  sent.on('response', (answer) => {
    answer.setEncoding('utf8');
    answer.on('data', (text: string) => told.push([performance.now(), text]));
  });
  // Its end by us is no failure; whoever has heard nothing is found by what it was not told.
  sent.on('error', () => undefined);
  sent.end();
  return { told, close: () => sent.destroy() };
}

interface Bearer {
  readonly callsign: string;
  readonly secret: string;
}

async function bearers({ client, mails }: WebScene, count: number): Promise<readonly Bearer[]> {
  const found: Bearer[] = [];
  for (let n = 0; found.length < count; n += 1) {
    const callsign = callsignOf(n);
    const email = `${callsign.toLowerCase()}@example.org`;
    await client.people.signUp({ callsign, email, password: goodPassword });
    await client.people.verify({ secret: await mails.secretTo(email, 'confirm your address') });
    await client.people.approveUser({ user: callsign });
    const login = newSecret();
    await client.people.login({ name: callsign, password: goodPassword, secretHash: login.secretHash, label: 'bench' });
    for (let of = 0; of < bearersOfOne && found.length < count; of += 1) {
      const { bearer, secretHash } = newSecret();
      await client.people.createToken(
        { name: `page-${of}`, scopes: ['read'], secretHash, validDays: 1 },
        { bearer: login.bearer },
      );
      found.push({ callsign, secret: bearer.replace(/^pop44_/, '') });
    }
    const { user } = await client.people.getUser({ user: callsign });
    await client.tunnels.createTunnel({ name: 'station', owner: user?.owner ?? '', publicKey: publicKey() });
  }
  return found;
}

const asked = ({ network }: WebScene): readonly string[] => network.daemons.flatMap(({ requests }) => requests);
const stateOf = ({ told }: OpenPage): number => told.filter(([, text]) => text.includes('event: state')).length;

/** Calls as daemons count them (pop44_requests_total). */
export async function livePages(scene: WebScene, count: number, say: (line: string) => void): Promise<Figures> {
  say('accounts');
  const all = await bearers(scene, count);
  say(`${count} open pages`);
  const before = asked(scene).length;
  const pages = all.map(({ secret }, n) => openPage(scene, secret, `127.0.0.${2 + Math.floor(n / pagesOfSource)}`));
  try {
    await eventually(() => pages.every((page) => stateOf(page) === 1), withinMs);
    const opening = asked(scene).slice(before);
    const [standing, cpu] = [asked(scene).length, process.cpuUsage()];
    await new Promise((resolve) => setTimeout(resolve, watchedMs));
    const { user, system } = process.cpuUsage(cpu);
    const standingCalls = asked(scene).length - standing;
    const [first] = all;
    const { user: one } = await scene.client.people.getUser({ user: first?.callsign ?? '' });
    const { tunnels } = await scene.client.tunnels.listTunnels({ owner: one?.owner ?? '' });
    const changedMs = performance.now();
    await scene.client.tunnels.updateTunnel({ tunnel: tunnels[0]?.id ?? '', enabled: false });
    const theirs = pages.filter((_, at) => all[at]?.callsign === first?.callsign);
    await eventually(() => theirs.every((page) => stateOf(page) === 2), withinMs);
    const delays = theirs.map(
      ({ told }) => (told.findLast(([, text]) => text.includes('event: state'))?.[0] ?? 0) - changedMs,
    );
    return {
      [`live_streams_of_${count}_pages`]: figure(
        opening.filter((name) => name === 'LiveService.Follow').length,
        'streams',
        '<= 1',
      ),
      [`live_calls_to_open_${count}_pages`]: figure(opening.length, 'calls', '<= 1'),
      live_calls_a_second_standing: figure((standingCalls * 1_000) / watchedMs, '/s', '<= 0'),
      live_change_to_page_ms: figure(median(delays), 'ms', '', delays),
      live_standing_cpu_part: figure((user + system) / 1_000 / watchedMs, 'part', ''),
    };
  } finally {
    for (const page of pages) page.close();
  }
}
