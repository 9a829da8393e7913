// Driver wg: WireGuard interfaces and their peers. One face, two backends: the kernel's WireGuard through wg(8) where
// the kernel has it, else wireguard-go through its UAPI socket.
//
// An interface is born in the transport namespace, where its UDP socket stays, and moved to where it is wanted.
// Processes that carry traffic outlive us and are adopted again by their sockets, peers untouched.
// Never: touches an interface without our prefix, or shows a key.

import { join } from 'node:path';
import type { Clock } from '#internal/clock/clock.ts';
import type { Netns, Peer } from '#internal/dataplane/dataplane.ts';
import type { Driver, StepFailure } from '#internal/driver/driver.ts';
import type { Log } from '#internal/log/log.ts';
import type { Step } from '#internal/plan/step.ts';
import { applySteps } from './apply.ts';
import type { Backend } from './backend.ts';
import { type Call, createCalls } from './calls.ts';
import { type Found, telemetryOf, observeAll, type Telemetry } from './observe.ts';
import { createKeyring } from './keyring.ts';
import { kernelBackend, kernelHasWireguard } from './kernel.ts';
import { createPlaces } from './places.ts';
import { userspaceBackend } from './userspace.ts';

export type { Call } from './calls.ts';
export type { Telemetry } from './observe.ts';

export interface WgOptions {
  /** Files of the two namespaces. */
  readonly netns: Readonly<Record<Netns, string>>;
  /** Where wireguard-go has its sockets. Default `/var/run/wireguard`; not ours to choose, one a mount namespace. */
  readonly uapiDir?: string;
  /** For pid files and the output of wireguard-go. */
  readonly runDir: string;
  /** Files of private keys in base64 that links may have, and no others: a restarted driver knows them again by these. */
  readonly privateKeyFiles: readonly string[];
  /** What the names of files begin with that the node makes while it runs (keyfile); absent: it makes none. */
  readonly madeKeyBase?: string;
  /** File of the identity that opens what is sealed to this node; absent: nothing is. */
  readonly sealingKeyFile?: string;
  /** Default `wireguard-go`. */
  readonly wireguardGo?: string;
  /** After which a wireguard-go counts as hung and is replaced; default 5000. */
  readonly answerTimeoutMs?: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface WgDriver extends Driver<'link' | 'peer'> {
  /** What the peers of a link do. O(peers): 35 ms of CPU at 10,000. Empty when there is no such link. */
  telemetry(link: string): Promise<readonly Telemetry[]>;
  /**
   * Calls peers where they were last known to be; `again`: those that have not answered. Of peers that stand, and never
   * while steps are applied: what it writes of a peer is all of it. O(calls).
   */
  dial(calls: readonly Call[], again: boolean): Promise<readonly StepFailure[]>;
  /** Ends calls, answered or not; of peers that stand, as `dial`. */
  hangUp(peers: readonly Peer[]): Promise<readonly StepFailure[]>;
  /** The process behind a link lives; the kernel's own WireGuard always does. */
  lives(link: string): boolean;
  /** Heard at once, before any disturbance is looked into. */
  onDeath(listener: (link: string) => void): void;
}

/** A batch of 500 peers takes 50 to 250 ms, a full answer of 65,536 peers 0.4 s (measured). */
const answerTimeoutMs = 5000;

/** Detects the backend and says once which. */
export async function openWg(options: WgOptions): Promise<WgDriver> {
  const { clock, log } = options;
  const listeners: ((reason: string) => void)[] = [];
  const mourners: ((link: string) => void)[] = [];
  const calls = createCalls();
  const disturb = (reason: string): void => {
    for (const listener of listeners) listener(reason);
  };
  let toldNotFirst = false;
  const kernel = await kernelHasWireguard();
  const backend: Backend = kernel
    ? kernelBackend(options.netns, options.runDir)
    : userspaceBackend({
        transport: options.netns.transport,
        uapiDir: options.uapiDir ?? '/var/run/wireguard',
        runDir: options.runDir,
        program: options.wireguardGo ?? 'wireguard-go',
        answerTimeoutMs: options.answerTimeoutMs ?? answerTimeoutMs,
        clock,
        onDeath: (name) => {
          for (const mourner of mourners) mourner(name);
          disturb(`wireguard-go of ${name} has died`);
        },
        onNotFirst(reason) {
          if (toldNotFirst) return;
          toldNotFirst = true;
          // It works without, on a node that has processors to spare.
          log.info('wireguard-not-first', { reason });
        },
      });
  log.info('wireguard-backend', { backend: kernel ? 'kernel' : 'wireguard-go' });
  const places = createPlaces(options.netns);
  const keyFiles = new Set(options.privateKeyFiles);
  const { sealingKeyFile, runDir, madeKeyBase } = options;
  const means = { backend, places, keyFiles, ...(madeKeyBase === undefined ? {} : { madeKeyBase }) };
  const keyring = createKeyring({
    ...(sealingKeyFile === undefined ? {} : { sealingKeyFile }),
    memoryFile: join(runDir, 'sealed-keys'),
  });
  const apply = (steps: readonly Step[]): Promise<readonly StepFailure[]> =>
    applySteps({ ...means, keyring, netns: options.netns, clock }, steps);
  return {
    kinds: ['link', 'peer'],
    observe: async (): Promise<Found> => {
      const found = await observeAll(backend, places, { keyFiles, keyring }, clock.wall().getTime());
      calls.uncalled(found.peer);
      return found;
    },
    apply: (steps) => {
      calls.settled(steps);
      return apply(steps);
    },
    dial: (wanted, again) => apply(calls.dial(wanted, again)),
    hangUp: (peers) => apply(calls.hangUp(peers)),
    lives: (link) => backend.lives(link),
    onDeath: (listener) => mourners.push(listener),
    onDisturbance: (listener) => listeners.push(listener),
    telemetry: (link) => telemetryOf(backend, places, link),
    close: () => backend.close(),
  };
}
