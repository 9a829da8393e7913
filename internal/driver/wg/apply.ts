// Apply: links one by one, peers of a link in batches.

import type { Clock } from '#internal/clock/clock.ts';
import type { Link, Netns } from '#internal/dataplane/dataplane.ts';
import { demand, isOurLink, sendInBatches, type StepFailure } from '#internal/driver/driver.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { Step, StepOf } from '#internal/plan/step.ts';
import type { Backend, DeviceChange } from './backend.ts';
import { checkKeyFile, clamped, privateKeyIn } from './key-file.ts';
import type { Keyring } from './keyring.ts';
import { opened, type PeerWork } from './opened.ts';
import type { Places } from './places.ts';
import { checkLink, peerChange } from './render.ts';

export interface Means {
  readonly backend: Backend;
  readonly places: Places;
  /** Grows by the made ones that links ask for. */
  readonly keyFiles: Set<string>;
  /** What the names of made ones begin with; absent: there are none. */
  readonly madeKeyBase?: string;
  readonly keyring: Keyring;
  readonly netns: Readonly<Record<Netns, string>>;
  readonly clock: Clock;
}

/** An interface goes some ms after the process that held it. */
const goneRetryMs = 10;
const goneTries = 100;
/** Peers in one write: bounds how long the device is busy with it (50 to 250 ms, measured). */
const peersAtOnce = 500;

/** Brings a link to what is wanted, whatever it is now; what is right already is not touched. */
async function ensureLink(means: Means, want: Link): Promise<void> {
  const { backend, places, keyFiles, keyring, netns, clock, madeKeyBase: madeBase } = means;
  checkLink(want);
  const { privateKeyFile, sealedPrivateKey: sealed } = want;
  if (privateKeyFile !== '')
    checkKeyFile({ named: keyFiles, ...(madeBase === undefined ? {} : { madeBase }) }, privateKeyFile);
  const inFile = privateKeyFile !== '' ? { file: privateKeyFile } : {};
  const privateKey = sealed === undefined ? await privateKeyIn(privateKeyFile) : clamped(keyring.open(sealed));
  if (privateKeyFile !== '') keyFiles.add(privateKeyFile);
  let place = (await places.read()).get(want.name);
  let device = place === undefined ? undefined : await backend.read(want.name, place.netns);
  if (device === undefined) {
    // What is left of a dead one stands where the new one goes.
    if (place !== undefined) await backend.remove(want.name, place.netns);
    for (let left = goneTries; left > 0 && (await places.read()).has(want.name); left -= 1)
      await clock.sleep(goneRetryMs);
    await backend.create(want.name);
    place = (await places.read()).get(want.name);
    device = place === undefined ? undefined : await backend.read(want.name, place.netns);
  }
  if (place === undefined || device === undefined)
    throw new Fault('gone', `${want.name} is gone right after its birth`);
  const change: DeviceChange = {
    ...(device.privateKey === privateKey ? {} : { privateKey: { base64: privateKey, ...inFile } }),
    ...(device.fwmark === want.fwmark ? {} : { fwmark: want.fwmark }),
    // Setting the same port again would close and open the socket.
    ...(device.listenPort === want.listenPort ? {} : { listenPort: want.listenPort }),
  };
  if (Object.keys(change).length > 0) await backend.set(want.name, place.netns, change);
  if (sealed !== undefined) keyring.remember([{ place: want.name, sealed, key: privateKey }]);
  if (place.netns !== want.netns) {
    const args = ['link', 'set', want.name, 'netns', netns[want.netns]];
    await run({ file: 'ip', args, netns: netns[place.netns] });
  }
  if (place.netns !== want.netns || place.mtu !== want.mtu || !place.up) {
    await run({
      file: 'ip',
      args: ['link', 'set', want.name, 'mtu', String(want.mtu), 'up'],
      netns: netns[want.netns],
    });
    await places.read();
  }
}

async function removeLink({ backend, places }: Means, found: Link): Promise<void> {
  demand(isOurLink(found.name), 'the name of an interface of ours', found.name);
  const netns = await places.netnsOf(found.name);
  if (netns !== undefined) await backend.remove(found.name, netns);
}

async function applyLink(means: Means, step: StepOf<'link'>): Promise<readonly StepFailure[]> {
  try {
    await (step.op === 'remove' ? removeLink(means, step.found) : ensureLink(means, step.want));
    return [];
  } catch (error) {
    return [{ step, message: messageOf(error) }];
  }
}

async function applyPeers(means: Means, link: string, work: readonly PeerWork[]): Promise<readonly StepFailure[]> {
  const netns = await means.places.netnsOf(link);
  const removals = work.every(({ step }) => step.op === 'remove');
  // Peers die with their interface.
  if (netns === undefined && removals) return [];
  if (netns === undefined) return work.map(({ step }) => ({ step, message: `there is no interface ${link}` }));
  const failures: StepFailure[] = [];
  for (let at = 0; at < work.length; at += peersAtOnce) {
    // Keys are in clear for the length of a batch.
    const { ready, closed } = await opened(means.keyring, work.slice(at, at + peersAtOnce));
    const refused = await sendInBatches(ready, peersAtOnce, (batch) =>
      means.backend.setPeers(
        link,
        netns,
        batch.map(({ change }) => change),
      ),
    );
    const failed = new Set(refused.map(({ item }) => item));
    means.keyring.remember(ready.filter((item) => !failed.has(item)).flatMap(({ entry }) => entry ?? []));
    failures.push(...closed, ...refused.map(({ item, message }) => ({ step: item.step, message })));
  }
  return failures;
}

/** Steps of other kinds are none of ours. */
export async function applySteps(means: Means, steps: readonly Step[]): Promise<readonly StepFailure[]> {
  const failures: StepFailure[] = [];
  let waiting = new Map<string, PeerWork[]>();
  const flush = async (): Promise<void> => {
    for (const [link, work] of waiting) failures.push(...(await applyPeers(means, link, work)));
    waiting = new Map();
  };
  for (const step of steps) {
    if (step.kind === 'link') {
      await flush();
      failures.push(...(await applyLink(means, step)));
    } else if (step.kind === 'peer') {
      try {
        const { link } = step.op === 'remove' ? step.found : step.want;
        const work = { step, change: peerChange(step) };
        const others = waiting.get(link);
        if (others === undefined) waiting.set(link, [work]);
        else others.push(work);
      } catch (error) {
        failures.push({ step, message: messageOf(error) });
      }
    }
  }
  await flush();
  return failures;
}
