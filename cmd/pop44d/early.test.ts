import { expect, test } from 'vitest';
import { createEarly } from './early.ts';

const at = (tunnelId: string) => ({ tunnelId, handshakeMs: 1 });

test('handshakes of a node that comes are news when it leads, and never when it does not [N8]', () => {
  const early = createEarly();
  expect(early.due([at('a')])).toEqual([at('a')]);
  early.role('joining');
  expect(early.due([at('b')])).toEqual([]);
  early.role('calling');
  expect(early.due([at('c')])).toEqual([]);
  early.role('active');
  expect(early.due([])).toEqual([at('b'), at('c')]);
  expect(early.due([at('d')])).toEqual([at('d')]);
  early.role('calling');
  early.due([at('e')]);
  early.role('standby');
  expect(early.due([])).toEqual([]);
});
