import { clone, create, type DescMethod, type DescService, type Message } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { Health } from '#internal/gen/grpc/health/v1/health_pb.ts';
import {
  ApiTokenSchema,
  LoginSchema,
  PersonClaimSchema,
  UserRole,
  UserSchema,
  UserState,
} from '#internal/gen/pop44/store/v1/people_pb.ts';
import {
  AnycastGroupSchema,
  InterconnectSchema,
  JoinTokenSchema,
  PopSchema,
  UpstreamSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { AuditService } from '#internal/gen/pop44/v1/audit_pb.ts';
import { DeskService } from '#internal/gen/pop44/v1/desk_pb.ts';
import { ExplainService } from '#internal/gen/pop44/v1/explain_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { LeaderService } from '#internal/gen/pop44/v1/leader_pb.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { LiveService } from '#internal/gen/pop44/v1/live_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { ReachService } from '#internal/gen/pop44/v1/reach_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { fold, type PersonEvent } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { emptyPeople, foldPeople } from '#internal/people/people.ts';
import type { Principal } from '#internal/rpc/rpc.ts';
import { threePops, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { actorOf, columns, judge, narrowed, rows, sees } from './policy.ts';

const services: readonly DescService[] = [
  ...[AllocationService, AuditService, DeskService, ExplainService, FabricService, Health, LeaderService, MeshService],
  ...[LiveService, PeopleService, PoolService, ReachService, StatusService, TrustService, TunnelService],
];
const methods = services.flatMap((service): readonly DescMethod[] => service.methods);
const nameOf = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;

// Everybody of the table, their things, and those of others.
const now = 1_800_000_000_000;
const ids = {
  user: 'aaaaaaaaaaaa',
  'regional-admin': 'bbbbbbbbbbbb',
  auditor: 'cccccccccccc',
  'global-admin': 'dddddddddddd',
};
const other = 'eeeeeeeeeeee';
const roleOf = {
  user: UserRole.USER,
  'regional-admin': UserRole.REGIONAL_ADMIN,
  auditor: UserRole.AUDITOR,
  'global-admin': UserRole.GLOBAL_ADMIN,
};
const hashOf = (id: string): string => id.slice(0, 1).repeat(64);
const at = (ms: number) => timestampFromMs(now + ms);
function userEvents(id: string, role: UserRole, state: UserState = UserState.ACTIVE): readonly PersonEvent[] {
  const callsign = `OE1${id.slice(0, 1).toUpperCase()}AA`;
  const popIds = role === UserRole.REGIONAL_ADMIN ? ['p1'] : [];
  const user = create(UserSchema, { id, callsign, email: `${id}@example.org`, state, role, popIds });
  const login = create(LoginSchema, { id: hashOf(id), userId: id, createdAt: at(-1_000), expiresAt: at(60_000) });
  const claim = create(PersonClaimSchema, { userId: id });
  return [
    { kind: 'user', id, stored: { record: user, revision: 2n } },
    { kind: 'callsign', id: callsign, stored: { record: claim, revision: 2n } },
    { kind: 'login', id: hashOf(id), stored: { record: login, revision: 2n } },
  ];
}
const people = foldPeople(emptyPeople(), {
  revision: 2n,
  relisted: true,
  events: [
    ...Object.entries(ids).flatMap(([role, id]) => userEvents(id, roleOf[role as keyof typeof ids])),
    ...userEvents(other, UserRole.USER),
  ],
});

/** Tunnels by owner and home: `mine1` is of who asks, at p1. */
function fabricOf(owner: string) {
  const [event] = tunnelEvents(1, 1n).filter(({ kind }) => kind === 'tunnel') as [
    Extract<RecordEvent, { kind: 'tunnel' }>,
  ];
  const record = event.stored?.record;
  const tunnel = (id: string, of: string, home: string): RecordEvent => {
    if (record === undefined) throw new Error('no tunnel');
    const made = {
      ...record,
      id,
      name: id,
      owner: of,
      placement: { ...record.placement, popIds: [home, 'p3'] },
    } as typeof record;
    return { kind: 'tunnel', id, stored: { record: made, revision: 3n } };
  };
  const put = (kind: string, id: string, stored: unknown): RecordEvent =>
    ({ kind, id, stored: { record: stored, revision: 3n } }) as RecordEvent;
  const { snapshot } = fold(threePops(), {
    revision: 3n,
    relisted: false,
    events: [
      tunnel('mine1', owner, 'p1'),
      tunnel('mine2', owner, 'p2'),
      tunnel('others1', `user/${other}`, 'p1'),
      tunnel('others2', `user/${other}`, 'p2'),
      put('interconnect', 'i12', create(InterconnectSchema, { id: 'i12', nodeA: 'p1', nodeB: 'p2' })),
      put('interconnect', 'i23', create(InterconnectSchema, { id: 'i23', nodeA: 'p2', nodeB: 'p3' })),
      put('upstream', 'u1', create(UpstreamSchema, { id: 'u1', nodeId: 'p1' })),
      put('upstream', 'u2', create(UpstreamSchema, { id: 'u2', nodeId: 'p2' })),
      put('jointoken', 'j1', create(JoinTokenSchema, { id: 'j1', node: { popId: 'p1' } })),
      put('jointoken', 'j2', create(JoinTokenSchema, { id: 'j2', node: { popId: 'p2' } })),
    ],
  });
  return snapshot;
}

const principals: { readonly [role: string]: Principal } = {
  anonymous: { kind: 'anonymous', id: '' },
  ...Object.fromEntries(
    Object.entries(ids).map(([role, id]) => [role, { kind: 'user', id, bearer: { kind: 'login', hash: hashOf(id) } }]),
  ),
  'core-node': { kind: 'node', id: 'p1' },
};

function ask(principal: Principal, method: DescMethod, request?: Message): string {
  const fabric = fabricOf(principal.kind === 'user' ? `user/${principal.id}` : 'nobody');
  const actor = actorOf(fabric, people, principal, now);
  if (isRefusal(actor)) return actor.refused;
  if (request !== undefined) narrowed(actor, method, request);
  return judge({ fabric, people }, actor, { principal, method, request })?.refused ?? 'admitted';
}

test('every method of every service has a row, and every row a method [S7]', () => {
  expect(methods.map(nameOf).filter((name) => !rows.has(name))).toEqual([]);
  expect([...rows.keys()].filter((name) => !methods.some((method) => nameOf(method) === name))).toEqual([]);
  expect(methods.length).toBeGreaterThan(90);
  for (const [name, { cells }] of rows) expect(cells, name).toHaveLength(columns.length);
});

type Fields = Readonly<Record<string, unknown>>;
/**
 * What each relation calls one's own and another's: fields of a request, by role. A relation without a line here fails the
 * test below.
 */
const examples: {
  readonly [method: string]: { readonly [role: string]: readonly [own: readonly Fields[], others: readonly Fields[]] };
} = {};
const tunnelCases = {
  user: [
    [{ tunnel: 'mine1' }, { tunnel: 'mine2' }, { tunnel: `user/${ids.user}/mine1` }],
    [{ tunnel: `user/${other}/others1` }],
  ],
  'regional-admin': [
    [{ tunnel: 'mine1' }, { tunnel: 'mine2' }, { tunnel: 'others1' }],
    [{ tunnel: 'others2' }, { tunnel: `user/${other}/others2` }],
  ],
} as const;
const newCases = {
  user: [
    [{}, { owner: `user/${ids.user}` }],
    [{ owner: `user/${other}` }, { owner: 'club' }, { owner: 'admin/ada' }],
  ],
  'regional-admin': [
    [{}, { owner: 'club', homePopId: 'p1' }, { owner: 'club', popIds: ['p1', 'p2'] }],
    [{ owner: 'club', homePopId: 'p2' }, { owner: 'club' }],
  ],
} as const;
const accountCases = (role: keyof typeof ids) =>
  [
    [{}, { user: ids[role] }],
    [{ user: other }, { user: 'OE1EAA' }, { user: 'nobody' }],
  ] as const;
const popCases = (own: Fields, others: Fields) => ({ 'regional-admin': [[own], [others, {}]] }) as const;
const casesOf: { readonly [relation: string]: (typeof examples)[string] } = {
  tunnel: tunnelCases,
  tunnelIfNamed: {
    user: [[...tunnelCases.user[0], {}], tunnelCases.user[1]],
    'regional-admin': [[...tunnelCases['regional-admin'][0], {}], tunnelCases['regional-admin'][1]],
  },
  newTunnel: newCases,
  newAllocation: {
    user: newCases.user,
    'regional-admin': [[{}, { owner: 'club', homePopId: 'p1' }], [{ owner: 'club', homePopId: 'p2' }]],
  },
  ownerField: { user: newCases.user, 'regional-admin': [[{}], [{ owner: 'club' }]] },
  pop: {
    'regional-admin': [
      [{ pop: 'p1' }, { pop: 'p1', anycastGroup: '' }],
      [{ pop: 'p2' }, { pop: 'p1', anycastGroup: 'coast' }, {}],
    ],
  },
  popId: popCases({ popId: 'p1' }, { popId: 'p2' }),
  popOfKey: popCases({ popId: 'p1' }, { popId: 'p2' }),
  node: popCases({ node: 'p1' }, { node: 'p2' }),
  nodeId: popCases({ nodeId: 'p1' }, { nodeId: 'p2' }),
  newNode: popCases({ node: { popId: 'p1' } }, { node: { popId: 'p2' } }),
  newInterconnect: popCases({ nodeA: 'p1', nodeB: 'p2' }, { nodeA: 'p2', nodeB: 'p3' }),
  interconnect: popCases({ interconnect: 'i12' }, { interconnect: 'i23' }),
  newUpstream: popCases({ upstream: { nodeId: 'p1' } }, { upstream: { nodeId: 'p2' } }),
  upstream: popCases({ upstream: 'u1' }, { upstream: 'u2' }),
  joinToken: popCases({ id: 'j1' }, { id: 'j2' }),
  account: {
    user: accountCases('user'),
    'regional-admin': accountCases('regional-admin'),
    auditor: accountCases('auditor'),
  },
};

/** The relation's name of a row, by its function. */
async function relationNames(): Promise<ReadonlyMap<unknown, string>> {
  const { relations } = await import('./relations.ts');
  return new Map(Object.entries(relations).map(([name, relation]) => [relation, name]));
}

test('cell by cell: each role may what its cell says, of its own and of others [S7]', async () => {
  const names = await relationNames();
  let cells = 0;
  for (const method of methods) {
    const row = rows.get(nameOf(method));
    if (row === undefined) throw new Error(nameOf(method));
    for (const [column, role] of columns.entries()) {
      const principal = principals[role];
      if (principal === undefined) continue;
      cells += 1;
      const where = `${nameOf(method)} as ${role}`;
      const cell = row.cells[column];
      const bare = ask(principal, method);
      if (cell === 'y') {
        expect(bare, where).toBe('admitted');
        expect(ask(principal, method, create(method.input)), where).toBe('admitted');
      } else if (cell === 'o') {
        expect(bare, where).toBe('admitted');
        if (row.relation === undefined) continue;
        const [own, others] = casesOf[names.get(row.relation) ?? '']?.[role] ?? [[], []];
        expect(own.length * others.length, `${where}: no examples`).toBeGreaterThan(0);
        for (const fields of own)
          expect(ask(principal, method, create(method.input, fields)), `${where} ${JSON.stringify(fields)}`).toBe(
            'admitted',
          );
        for (const fields of others)
          expect(ask(principal, method, create(method.input, fields)), `${where} ${JSON.stringify(fields)}`).toMatch(
            /^(not-owner|not-found)$/,
          );
      } else expect(bare, where).toBe(role === 'anonymous' ? 'unauthenticated' : 'forbidden');
    }
  }
  expect(cells).toBe(methods.length * 6);
});

test("the key of an anycast group is not one regional admin's to set [S7]", () => {
  const [plain, principal] = [fabricOf('nobody'), principals['regional-admin'] as Principal];
  const stored = (record: object) => ({ record, revision: 4n });
  const fabric = fold(plain, {
    revision: 4n,
    relisted: false,
    events: [
      { kind: 'anycast', id: 'coast', stored: stored(create(AnycastGroupSchema, { id: 'coast', founderPopId: 'p1' })) },
      {
        ...{ kind: 'pop', id: 'p1' },
        stored: stored(
          Object.assign(clone(PopSchema, plain.pops.get('p1')?.record ?? create(PopSchema)), {
            anycastGroupId: 'coast',
          }),
        ),
      },
    ] as RecordEvent[],
  }).snapshot;
  const actor = actorOf(fabric, people, principal, now);
  if (isRefusal(actor)) throw new Error(actor.message);
  for (const method of [FabricService.method.setPopAccessKey, FabricService.method.rotatePopAccessKey])
    expect(
      judge({ fabric, people }, actor, { principal, method, request: create(method.input, { popId: 'p1' }) }),
    ).toMatchObject({
      refused: 'not-owner',
      message: expect.stringContaining('a global admin does it') as unknown,
    });
});

test("another's tunnel is refused in the words of one that is not there [S7]", () => {
  const { user } = principals as { user: Principal };
  const { getTunnel } = TunnelService.method;
  const fabric = fabricOf(`user/${ids.user}`);
  const actor = actorOf(fabric, people, user, now);
  if (isRefusal(actor)) throw new Error(actor.message);
  const about = (tunnel: string) => {
    const request = create(getTunnel.input, { tunnel });
    narrowed(actor, getTunnel, request);
    return { request, refusal: judge({ fabric, people }, actor, { principal: user, method: getTunnel, request }) };
  };
  const others = about(`user/${other}/others1`).refusal;
  expect(others).toMatchObject({
    refused: 'not-found',
    message: expect.stringContaining('is no tunnel of this network') as unknown,
  });
  // By a bare name only one's own is meant, so that not even its existence shows.
  expect(about('others1')).toMatchObject({ request: { tunnel: `user/${ids.user}/others1` }, refusal: undefined });
  expect(about('mine1').refusal).toBeUndefined();
});

test('a list shows a user its own, a regional admin those of its PoPs besides [S7]', () => {
  const shown = (role: keyof typeof ids): readonly string[] => {
    const owner = `user/${ids[role]}`;
    const actor = actorOf(fabricOf(owner), people, principals[role] as Principal, now);
    if (isRefusal(actor)) throw new Error(actor.message);
    const some = [...fabricOf(owner).tunnels.values()].map(({ record }) => record);
    return some
      .filter(({ id }) => /^(mine|others)/.test(id))
      .filter(sees(actor))
      .map(({ id }) => id)
      .sort();
  };
  expect(shown('user')).toEqual(['mine1', 'mine2']);
  expect(shown('regional-admin')).toEqual(['mine1', 'mine2', 'others1']);
  expect(shown('auditor')).toEqual(['mine1', 'mine2', 'others1', 'others2']);
});

test('a token opens what its scopes say, and nothing of the account [S7]', () => {
  const token = (scopes: readonly string[], role: keyof typeof ids = 'user', endsMs = 60_000) => {
    const record = create(ApiTokenSchema, {
      id: hashOf('f'),
      userId: ids[role],
      name: 't',
      scopes: [...scopes],
      expiresAt: at(endsMs),
    });
    const known = foldPeople(people, {
      revision: 9n,
      relisted: false,
      events: [{ kind: 'token', id: hashOf('f'), stored: { record, revision: 9n } }],
    });
    const principal: Principal = { kind: 'user', id: ids[role], bearer: { kind: 'token', hash: hashOf('f') } };
    return (method: DescMethod): string => {
      const actor = actorOf(fabricOf(''), known, principal, now);
      if (isRefusal(actor)) return actor.refused;
      return judge({ fabric: fabricOf(''), people: known }, actor, { principal, method })?.refused ?? 'admitted';
    };
  };
  const { getTunnel, createTunnel } = TunnelService.method;
  const { changePassword, createToken, whoAmI, approveUser } = PeopleService.method;
  const reads = token(['read']);
  expect([getTunnel, createTunnel, whoAmI].map(reads)).toEqual(['admitted', 'forbidden', 'admitted']);
  expect([getTunnel, createTunnel].map(token(['tunnels']))).toEqual(['forbidden', 'admitted']);
  expect([changePassword, createToken].map(token(['read', 'tunnels', 'manage'], 'global-admin'))).toEqual([
    'forbidden',
    'forbidden',
  ]);
  expect([approveUser].map(token(['manage'], 'global-admin'))).toEqual(['admitted']);
  // A scope is no role.
  expect([approveUser].map(token(['manage']))).toEqual(['forbidden']);
  expect([getTunnel].map(token(['read'], 'user', -1))).toEqual(['unauthenticated']);
});

test('who is suspended, waits, has gone or is too old opens nothing; a raised role shortens its logins [S7]', () => {
  const { listPops } = FabricService.method;
  const with_ = (...events: readonly PersonEvent[]) => foldPeople(people, { revision: 9n, relisted: false, events });
  const asked = (known: typeof people, ms = now): string => {
    const actor = actorOf(threePops(), known, principals['user'] as Principal, ms);
    return isRefusal(actor)
      ? actor.refused
      : (judge({ fabric: threePops(), people: known }, actor, {
          principal: principals['user'] as Principal,
          method: listPops,
        })?.refused ?? 'admitted');
  };
  expect(asked(people)).toBe('admitted');
  expect(asked(with_(...userEvents(ids.user, UserRole.USER, UserState.SUSPENDED)))).toBe('forbidden');
  expect(asked(with_(...userEvents(ids.user, UserRole.USER, UserState.PENDING)))).toBe('forbidden');
  expect(asked(with_({ kind: 'user', id: ids.user }))).toBe('unauthenticated');
  expect(asked(with_({ kind: 'login', id: hashOf(ids.user) }))).toBe('unauthenticated');
  expect(asked(people, now + 60_000)).toBe('unauthenticated');
  expect(actorOf(threePops(), undefined, principals['user'] as Principal, now)).toMatchObject({
    refused: 'unavailable',
  });
});

test('of whom a trusted daemon speaks for only the user is believed [S7]', () => {
  const forwarded: Principal = { kind: 'user', id: ids['global-admin'] };
  expect(actorOf(threePops(), undefined, forwarded, now)).toMatchObject({
    role: 'user',
    owner: `user/${ids['global-admin']}`,
  });
  expect(ask(forwarded, PoolService.method.createPool)).toBe('forbidden');
});
