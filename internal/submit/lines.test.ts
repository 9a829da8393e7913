import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PopSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { decisionLines } from './lines.ts';

test('a dry run tells what is sealed by its size [S5]', () => {
  const sealed = new Uint8Array(232).fill(0x5e);
  const tunnel = create(TunnelSchema, { id: 't1', name: 'a', sealedPresharedKey: { p1: sealed } });
  const pop = create(PopSchema, { id: 'p1', sealedAccessKey: { p1: sealed, '@recovery': sealed } });
  expect(
    decisionLines({
      compares: [],
      writes: [
        { op: 'put', kind: 'tunnel', id: 't1', record: tunnel },
        { op: 'put', kind: 'pop', id: 'p1', record: pop },
        { op: 'delete', kind: 'tunnel', id: 't2' },
      ],
    }),
  ).toEqual([
    'put tunnel/t1 {"id":"t1","name":"a","sealedPresharedKey":{"p1":"232 bytes"}}',
    'put pop/p1 {"id":"p1","sealedAccessKey":{"p1":"232 bytes","@recovery":"232 bytes"}}',
    'delete tunnel/t2',
  ]);
});
