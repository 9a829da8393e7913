import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PersonClaimSchema } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { openChains } from './audit.ts';
import { type AuditRecord, auditProblems, decodeAudit } from './audit-log.ts';
import { openGroup } from './group.ts';

const at = new Date(1_000);

/** Six transactions of one daemon in two chains; the last of each says that nothing happened. */
async function records(): Promise<AuditRecord[]> {
  let made = 0;
  const chains = openChains('p1', () => `${++made}`.padStart(16, '0'));
  const [first, second] = [await chains.take(), await chains.take()];
  const written: AuditRecord[] = [];
  for (let n = 1; n <= 6; n++) {
    const chain = n % 2 === 0 ? second : first;
    const group = openGroup({ key: '/leader', createRevision: 9n, poolId: 'pool' });
    group.add(
      { compares: [], writes: [{ op: 'delete', kind: 'realm', id: `r${n}` }] },
      create(OperationSchema, { requestId: `r${n}`, principal: 'admin/ada', method: '/M' }),
    );
    const link = chain.next(n > 4 ? [] : group.items, group.fence, at);
    chain.grown(link);
    written.push({ ...link, revision: BigInt(n) });
  }
  return written.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

test('an audit record tells who changed what under whose fence', async () => {
  const [record] = await records();
  expect(record?.key).toBe('/pop44/log/v1/audit/p1/0000000000000001/0000000000000001');
  expect(decodeAudit(record?.value ?? Buffer.from([1]))).toMatchObject({
    nodeId: 'p1',
    chain: '0000000000000001',
    number: 1n,
    previousHash: new Uint8Array(),
    at: { seconds: 1n },
    entries: [{ requestId: 'r1', principal: 'admin/ada', method: '/M', changes: ['delete realm/r1'] }],
    ledPoolId: 'pool',
    fence: 9n,
  });
});

test('an e-mail address is not written down, who has it is [S5] [S8]', async () => {
  const group = openGroup();
  const claim = create(PersonClaimSchema, { userId: 'aaaaaaaaaaaa' });
  group.add(
    {
      compares: [],
      writes: [],
      people: {
        compares: [],
        writes: [
          { op: 'put', kind: 'email', id: 'ada@example.org', record: claim },
          { op: 'put', kind: 'callsign', id: 'OE1XYZ', record: claim },
          { op: 'delete', kind: 'user', id: 'aaaaaaaaaaaa' },
        ],
      },
    },
    create(OperationSchema, { requestId: 'r', principal: 'admin/ada', method: '/M' }),
  );
  const chain = await openChains('p1', () => '1'.padStart(16, '0')).take();
  const { value } = chain.next(group.items, undefined, at);
  expect(decodeAudit(value)?.entries[0]?.changes).toEqual([
    'put people/email',
    'put people/callsign/OE1XYZ',
    'delete people/user/aaaaaaaaaaaa',
  ]);
  expect(Buffer.from(value).toString('latin1')).not.toContain('ada@');
});

test('whole chains have no problems', async () => {
  expect(auditProblems([])).toEqual([]);
  expect(auditProblems(await records())).toEqual([]);
});

test.each<[name: string, spoil: (records: AuditRecord[]) => AuditRecord[], problems: readonly RegExp[]]>([
  ['a record that is missing', (all) => all.toSpliced(1, 1), [/number 1$/]],
  ['a chain without its beginning', (all) => all.toSpliced(0, 1), [/number 0$/]],
  ['a record that was changed', (all) => all.with(0, changed(nth(all, 0))), [/does not name the hash/]],
  [
    'a record of another chain',
    (all) => all.with(1, { ...nth(all, 1), value: nth(all, 4).value }),
    [/another/, /hash/],
  ],
  [
    'bytes that are no record',
    (all) => all.with(5, { ...nth(all, 5), value: Buffer.from([0xff]) }),
    [/no audit record/],
  ],
  ['a record written later than its successor', (all) => all.with(1, { ...nth(all, 1), revision: 99n }), [/older/]],
])('%s is found', async (_name, spoil, problems) => {
  expect(auditProblems(spoil(await records())).map(({ problem }) => problem)).toEqual(
    problems.map((problem) => expect.stringMatching(problem) as string),
  );
});

function nth(all: readonly AuditRecord[], at: number): AuditRecord {
  const record = all[at];
  if (record === undefined) throw new Error(`no record ${at}`);
  return record;
}

/** With an unknown field, 500: still a record of this key. */
function changed(record: AuditRecord): AuditRecord {
  return { ...record, value: Buffer.concat([record.value, Buffer.from([0xa2, 0x1f, 3, 0x6e, 0x65, 0x77])]) };
}

test('chains are taken one transaction at a time, at most 32, and the last one given is taken first', async () => {
  let made = 0;
  const chains = openChains('p1', () => `${++made}`.padStart(16, '0'));
  const first = await chains.take();
  chains.give(first);
  expect(await chains.take()).toBe(first);
  const more = await Promise.all(Array.from({ length: 31 }, () => chains.take()));
  expect(new Set([first, ...more]).size).toBe(32);
  const waiting = [chains.take(), chains.take()];
  chains.give(first);
  expect(await waiting[0]).toBe(first);
  expect(made).toBe(32);
  chains.retire();
  const fresh = await waiting[1];
  expect(made).toBe(33);
  expect(more).not.toContain(fresh);
});
