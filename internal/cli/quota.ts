// Quota: how much an owner may hold.

import { type Command, InvalidArgumentError } from 'commander';
import type { Quota } from '#internal/gen/pop44/v1/pools_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { UsageError } from './io.ts';
import type { Kind } from './kind.ts';
import type { Column } from './layout.ts';
import type { Session } from './session.ts';
import { showVerbs } from './showing.ts';

/** Unlimited by the record: `none` of the default, `default` of an owner. */
type Limit = bigint | 'none' | 'default';
interface SetOptions extends ChangeOptions {
  readonly default?: boolean;
  readonly ipv4: Limit;
  readonly ipv6: Limit;
  readonly tunnels?: Limit;
}

const limitText = ({ owner }: Quota, limit: bigint | undefined): string =>
  limit === undefined ? (owner === '' ? 'none' : 'default') : String(limit);

const columns: readonly Column<Quota>[] = [
  ['owner', (quota) => quota.owner || '(default)'],
  ['ipv4 used', (quota) => (quota.owner === '' ? '' : String(quota.used4))],
  ['ipv4 limit', (quota) => limitText(quota, quota.limit4)],
  ['ipv6 /64s used', (quota) => (quota.owner === '' ? '' : String(quota.used6))],
  ['ipv6 /64s limit', (quota) => limitText(quota, quota.limit6)],
  ['tunnels', (quota) => (quota.owner === '' ? '' : String(quota.usedTunnels))],
  ['tunnels limit', (quota) => limitText(quota, quota.limitTunnels)],
];

const kind: Kind<Quota> = {
  noun: 'quota',
  many: 'quotas, the default first, and how much of them is used',
  named: 'owner, or default',
  async ask(session) {
    const { quotas, freshness } = await (await session.client()).pools.listQuotas({});
    return { items: quotas, freshness };
  },
  names: ({ owner }) => [owner || 'default'],
  columns,
};

function limit(text: string): Limit {
  if (text === 'none' || text === 'default') return text;
  if (!/^[0-9]{1,18}$/.test(text)) throw new InvalidArgumentError('a count, none or default.');
  return BigInt(text);
}

/** What the record says of a limit; a word that would mean something else than it says is a UsageError. */
function limitOf(limit: Limit, owner: string): bigint | undefined {
  if (typeof limit === 'bigint') return limit;
  if (limit === 'none' && owner !== '') {
    throw new UsageError('an owner without a limit has the default one: say default, or a large count');
  }
  if (limit === 'default' && owner === '') throw new UsageError('the default is a count or none');
  return undefined;
}

function tunnelLimit({ tunnels }: SetOptions, owner: string) {
  if (tunnels === undefined) return {};
  const limitTunnels = limitOf(tunnels, owner);
  return limitTunnels === undefined ? { noLimitTunnels: true } : { limitTunnels };
}

function ownerOf(owner: string | undefined, { default: isDefault }: SetOptions): string {
  if ((owner === undefined) === (isDefault === true)) return owner ?? '';
  throw new UsageError('whose quota? Give an owner or --default');
}

export function quotaVerbs(quota: Command, session: Session): void {
  withChangeOptions(quota.command('set').argument('[owner]'), 'new')
    .description('set how much an owner may hold; what is held stays')
    .requiredOption('--ipv4 <count>', 'addresses; default: as others have; none: no limit', limit)
    .requiredOption('--ipv6 <count>', 'networks of /64; the same', limit)
    .option('--tunnels <count>', 'tunnels; the same; not said: stays as it is', limit)
    .option('--default', 'of every owner without a quota of its own')
    .action(async (named: string | undefined, options: SetOptions) => {
      const owner = ownerOf(named, options);
      const [limit4, limit6] = [limitOf(options.ipv4, owner), limitOf(options.ipv6, owner)];
      const { pools } = await session.client();
      const limits = {
        ...(limit4 !== undefined && { limit4 }),
        ...(limit6 !== undefined && { limit6 }),
        ...tunnelLimit(options, owner),
      };
      await change(session, options, {
        send: () => pools.setQuota({ change: changeOf(options), owner, ...limits }),
        show: (answer) => session.record(answer, answer.quota, columns),
      });
    });
  showVerbs(quota, session, kind);
}
