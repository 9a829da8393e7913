import { expect, test } from 'vitest';
import { answerTo } from './noise-responder.ts';
import { initiate, newNoiseKeys } from './noise.ts';

const [server, client] = [newNoiseKeys(), newNoiseKeys()];

test('a client that is called answers, and both ends have one session', () => {
  const call = initiate({ keys: server, server: client.publicKey }, 7, Date.now());
  const answer = answerTo({ keys: client, server: server.publicKey }, call.packet, 9);
  const session = call.answered(answer?.packet ?? Buffer.alloc(0));
  const there = session?.seal(Buffer.from('down'));
  expect(
    answer?.session
      .open(there ?? Buffer.alloc(0))
      ?.subarray(0, 4)
      .toString(),
  ).toBe('down');
  const back = answer?.session.seal(Buffer.from('up'));
  expect(
    session
      ?.open(back ?? Buffer.alloc(0))
      ?.subarray(0, 2)
      .toString(),
  ).toBe('up');
});

test('a call of another server, one for another client, and one that was changed are not answered', () => {
  const caller = { keys: client, server: server.publicKey };
  const stranger = initiate({ keys: newNoiseKeys(), server: client.publicKey }, 7, Date.now());
  expect(answerTo(caller, stranger.packet, 9)).toBeUndefined();
  const elsewhere = initiate({ keys: server, server: newNoiseKeys().publicKey }, 7, Date.now());
  expect(answerTo(caller, elsewhere.packet, 9)).toBeUndefined();
  const { packet } = initiate({ keys: server, server: client.publicKey }, 7, Date.now());
  packet[100] = (packet[100] ?? 0) ^ 1;
  expect(answerTo(caller, packet, 9)).toBeUndefined();
  expect(answerTo(caller, packet.subarray(1), 9)).toBeUndefined();
});
