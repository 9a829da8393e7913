// Needs: the programs outside npm that the lab, the tests and the benches start, and the Debian packages that have them.
//
// A program that pop44 or its tests begin to use gets a row here; nothing else knows package names.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `only`: the one verb of npm's scripts that needs it. @type {readonly { binary: string, package: string, why: string, only?: string }[]} */
const needs = [
  { binary: 'etcd', package: 'etcd-server', why: 'the database of the CORE nodes' },
  { binary: 'etcdctl', package: 'etcd-client', why: 'tests write by hand what pop44 never would' },
  { binary: 'bird', package: 'bird2', why: 'BGP and BFD of every node' },
  { binary: 'wireguard-go', package: 'wireguard-go', why: 'WireGuard where the kernel has none' },
  { binary: 'wg', package: 'wireguard-tools', why: 'clients load the very file that a user would' },
  { binary: 'nft', package: 'nftables', why: 'firewall and anti-spoofing' },
  { binary: 'ip', package: 'iproute2', why: 'interfaces, routes, rules, namespaces' },
  { binary: 'tc', package: 'iproute2', why: 'shaping' },
  { binary: 'conntrack', package: 'conntrack', why: 'ends flows of prefixes that are given up' },
  { binary: 'conntrackd', package: 'conntrackd', why: 'states of flows, from one node of a pair to the other' },
  { binary: 'sysctl', package: 'procps', why: 'forwarding and its like' },
  { binary: 'perl', package: 'perl-base', why: 'who connects to the privileged half (getsockopt)' },
  { binary: 'openssl', package: 'openssl', why: 'a second opinion on the certificates' },
  { binary: 'age', package: 'age', why: 'a second opinion on sealed secrets' },
  { binary: 'ping', package: 'iputils-ping', why: 'probes from clients and hosts' },
  { binary: 'iperf3', package: 'iperf3', why: 'load for throughput and shaping' },
  { binary: 'unshare', package: 'util-linux', why: 'lab and tests live in namespaces of their own' },
  { binary: 'prlimit', package: 'util-linux', why: 'the daemons write no core' },
  { binary: 'nsenter', package: 'util-linux', why: 'commands inside a node' },
  { binary: 'taskset', package: 'util-linux', why: 'a processor for the node alone', only: 'bench' },
  {
    binary: 'setpriv',
    package: 'util-linux',
    why: 'children end with their parent; the daemon runs without capabilities',
  },
  { binary: 'faketime', package: 'faketime', why: 'clocks of daemons that jump', only: 'chaos' },
  { binary: 'networkctl', package: 'systemd', why: "takes a client's file as a user's machine would", only: 'test' },
  { binary: 'mount', package: 'mount', why: 'a private /run and /tmp' },
  { binary: 'chromium', package: 'chromium', why: 'pages as people see them', only: 'test' },
  {
    binary: 'qemu-system-x86_64',
    package: 'qemu-system-x86',
    why: 'a machine with a kernel of its own',
    only: 'test:kernel',
  },
  { binary: 'depmod', package: 'kmod', why: "that machine's kernel modules", only: 'test:kernel' },
  { binary: 'mke2fs', package: 'e2fsprogs', why: "that machine's disk", only: 'test:kernel' },
];

/** Services that the packages above would start, and enable for the next boot: they would take etcd's and BGP's ports and the kernel's events. */
const services = { 'etcd-server': 'etcd.service', bird2: 'bird.service', conntrackd: 'conntrackd.service' };

// An ordinary user's PATH has no sbin on Debian.
const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** The path of a program that is there to be run; `more`: folders to look in after the usual ones. */
export function located(binary, more = []) {
  const paths = [...folders, ...more].filter((folder) => folder !== '').map((folder) => join(folder, binary));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Whether a program is there to be run. */
export const found = (binary) => located(binary) !== undefined;

/** Rows whose program is not on this machine, of those that this verb needs. */
export function missing(verb) {
  return needs.filter((row) => (row.only === undefined || row.only === verb) && !found(row.binary));
}

/** The packages of a verb's rows, there or not. */
export const packagesOf = (verb) => [
  ...new Set(needs.filter((row) => row.only === undefined || row.only === verb).map((row) => row.package)),
];

/** What to tell somebody whose machine lacks these rows. */
export function cure(rows) {
  const packages = [...new Set(rows.map((row) => row.package))].join(' ');
  const list = rows.map((row) => `  ${row.binary} (package ${row.package}): ${row.why}`).join('\n');
  return `missing on this machine:\n${list}\ninstall them; on Debian, as root: apt-get install --no-install-recommends ${packages}`;
}

// invoke-rc.d(8) and deb-systemd-invoke(1): 101 forbids the action, so no maintainer script starts a daemon.
const policyFile = '/usr/sbin/policy-rc.d';
const policyText = '#!/bin/sh\n# Put here by pop44 while it installs packages; of no use afterwards.\nexit 101\n';

/** Whether a policy file of ours stands: of an installation that goes on, or of one that was killed. */
export const policyIsOurs = () => existsSync(policyFile) && readFileSync(policyFile, 'utf8') === policyText;

/**
 * Installs the packages that the verb misses with apt-get, starting none of their services. Only for root; one process at a time
 * (the caller holds a lock). Gives back what went wrong, or undefined.
 */
export function install(say, verb) {
  const rows = missing(verb);
  if (rows.length === 0) {
    if (policyIsOurs()) rmSync(policyFile, { force: true });
    return undefined;
  }
  const packages = [...new Set(rows.map((row) => row.package))];
  // Ctrl-C, or a terminal that is closed, must reach apt-get alone: the policy file is removed below whatever happens.
  const ignore = () => {};
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, ignore);
  // A file of ours that stands already was left behind by a run that was killed.
  const ours = !existsSync(policyFile) || policyIsOurs();
  try {
    if (ours) writeFileSync(policyFile, policyText, { mode: 0o755 });
    say('Debian packages: apt-get update');
    const updated = apt(['update']);
    if (updated !== undefined) return updated;
    say(`Debian packages: apt-get install ${packages.join(' ')}`);
    const failed = apt(['install', '--yes', '--no-install-recommends', ...packages]);
    if (failed !== undefined) return failed;
    for (const name of packages) {
      // Fails where there is no such unit or no systemd: then nothing would start it either.
      if (services[name] !== undefined) spawnSync('systemctl', ['disable', '--quiet', services[name]]);
    }
  } finally {
    if (ours) rmSync(policyFile, { force: true });
    for (const signal of signals) process.off(signal, ignore);
  }
  const still = missing(verb);
  return still.length === 0 ? undefined : cure(still);
}

function apt(args) {
  const run = spawnSync('apt-get', ['--quiet', '--option', 'DPkg::Lock::Timeout=300', ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (run.status === 0) return undefined;
  const tail = `${run.stdout ?? ''}${run.stderr ?? ''}`.trim().split('\n').slice(-15).join('\n');
  return `apt-get ${args.join(' ')} failed (${run.error?.message ?? run.signal ?? `exit ${run.status}`}):\n${tail}`;
}
