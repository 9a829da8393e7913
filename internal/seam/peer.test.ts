import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { type Kept, keep } from '#internal/exec/exec.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { connectSeam, type FromDataplane, onlyOwnerOf, type Peer, peerOf, serveSeam, type Want } from './seam.ts';

const folder = mkdtempSync(join(tmpdir(), 'peer-'));
afterAll(() => rmSync(folder, { recursive: true }));

const uid = process.getuid?.() ?? -1;
const gid = process.getgid?.() ?? -1;

const script =
  '$| = 1; my $s = IO::Socket::UNIX->new(Peer => shift) or die $!; syswrite($s, "ping\\n"); print while <$s>;';

/** A process of its own that connects, writes a line, and tells what it hears until the end. */
const otherProcess = (path: string, heard: (line: string) => void): Promise<Kept> =>
  keep({ file: 'perl', args: ['-MIO::Socket::UNIX', '-e', script, path], onStdout: heard });

test('the kernel names the process at the other end, and not a byte of its words is lost [S1]', async () => {
  const path = join(folder, 'kernel.sock');
  const told: Peer[] = [];
  let words = '';
  const ask = async (socket: Socket): Promise<void> => {
    told.push(await peerOf(socket));
    socket.on('data', (chunk: Buffer) => {
      words += chunk.toString();
    });
    socket.resume();
    socket.end('pong\n');
  };
  const server = createServer({ pauseOnConnect: true }, (socket) => void ask(socket));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const heard: string[] = [];
  const other = await otherProcess(path, (line) => heard.push(line));
  await eventually(() => words === 'ping\n' && heard.length > 0, 10_000);
  expect(heard).toEqual(['pong']);
  // Not this process, as any copy of the connection would have it.
  expect(told).toEqual([{ pid: other.pid, uid, gid }]);
  await other.stop();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

/** A privileged half at whose door stands a check that takes `owner` for the network half's user. */
async function guarded(name: string, owner: () => number, clock: Clock = realClock) {
  const path = join(folder, name);
  const refused: string[] = [];
  const taken: unknown[] = [];
  const admits = onlyOwnerOf('/state', {
    clock,
    refused: (reason) => refused.push(reason),
    ownerOf: async () => owner(),
  });
  const connected: unknown[] = [];
  const seam = await serveSeam(path, {
    admits,
    connected: (send) => {
      connected.push(send);
      send({ type: 'hello', accessPeers: 7 });
    },
    message: (message) => taken.push(message),
    refused: (error) => taken.push(error),
  });
  return { path, seam, refused, taken, connected };
}

test('who is not the network half’s user is told nothing, not read, and named in the log [S1]', async () => {
  const { path, seam, refused, taken, connected } = await guarded('stranger.sock', () => uid + 1);
  const heard: string[] = [];
  const other = await otherProcess(path, (line) => heard.push(line));
  await eventually(() => refused.length > 0, 10_000);
  expect(refused).toEqual([`uid ${uid} (pid ${other.pid}) is not the network half's user: uid ${uid + 1} owns /state`]);
  await other.stop();
  expect({ heard, taken, connected }).toEqual({ heard: [], taken: [], connected: [] });
  await seam.close();
});

test('a stranger does not end the connection of the network half [S1]', async () => {
  let owner = uid;
  const { path, seam, refused, taken } = await guarded('both.sock', () => owner);
  const heard: FromDataplane[] = [];
  let lost = 0;
  const network = connectSeam(path, { message: (message) => heard.push(message), lost: () => (lost += 1) });
  await eventually(() => heard.length === 1, 10_000);
  owner = uid + 1;
  const other = await otherProcess(path, () => undefined);
  await eventually(() => refused.length > 0, 10_000);
  await other.stop();
  const want: Want = { type: 'want', number: 1, revision: '1', whole: true, put: [], remove: [] };
  network.send(want);
  await eventually(() => taken.length === 1, 10_000);
  expect({ taken, lost }).toEqual({ taken: [want], lost: 0 });
  network.close();
  await seam.close();
});

test('a network half that was refused comes again, slower, and is let in once it may [S1]', async () => {
  let owner = uid + 1;
  const clock: Clock = { ...realClock, monotonicMs: () => 0 };
  const { path, seam, refused, connected } = await guarded('again.sock', () => owner, clock);
  const heard: FromDataplane[] = [];
  const network = connectSeam(path, { message: (message) => heard.push(message), lost: () => undefined });
  await eventually(() => refused.length > 0, 10_000);
  expect(connected).toEqual([]);
  owner = uid;
  await eventually(() => heard.length > 0, 20_000);
  expect(heard).toEqual([{ type: 'hello', accessPeers: 7 }]);
  // No time has passed: one line in the log, whoever knocks how often.
  expect(refused).toHaveLength(1);
  network.close();
  await seam.close();
});

test('nobody is let in where owner or peer cannot be told [S1]', async () => {
  const refused: string[] = [];
  const at = (ownerOf: () => Promise<number>) =>
    onlyOwnerOf('/state', {
      clock: { ...realClock, monotonicMs: () => refused.length * 5_000 },
      refused: (reason) => refused.push(reason),
      ownerOf,
    });
  const path = join(folder, 'none.sock');
  const admitted: boolean[] = [];
  const ask = async (socket: Socket): Promise<void> => {
    admitted.push(await at(() => Promise.reject(new Error('no such directory')))(socket));
    socket.destroy();
    admitted.push(await at(async () => uid)(socket));
  };
  const server = createServer({ pauseOnConnect: true }, (socket) => void ask(socket));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const other = await otherProcess(path, () => undefined);
  await eventually(() => admitted.length === 2, 10_000);
  expect(admitted).toEqual([false, false]);
  expect(refused).toEqual(['no such directory', expect.stringContaining('perl')]);
  await other.stop();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
