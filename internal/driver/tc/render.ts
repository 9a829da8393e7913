// Render: steps as lines of `tc -batch`, and the checks of every value that goes there.

import { classId, type Shaper, type ShaperClass } from '#internal/dataplane/dataplane.ts';
import { demand, isInteger, isOurLink } from '#internal/driver/driver.ts';
import type { StepOf } from '#internal/plan/step.ts';

/** What waits in a class: fair between its flows and short by itself, or plain and short by its limit. */
export type Queue = 'fq_codel' | 'bfifo';

/** A full packet of a tunnel and the Ethernet header of the choke (MTU 1420; 1,514 is what tc counts with too). */
const packetBytes = 1514;
/** Packets of classes that have no room for more wait together; 1,000 is the kernel's own length of a queue. */
const directPackets = 1000;
/** Bytes that a class may send before the next one has its turn: a packet (HTB warns below 1,000), alike for all. */
const quantumBytes = 1600;
/** How long a class may send at once what it saved: short against any second, long against a busy kernel's delays. */
const burstMs = 25;
/** The longest wait in a plain queue: 100 ms are a telephone's (ITU-T G.114 asks for 150 ms in all). */
const waitMs = 100;
/** Less than this and TCP cannot keep a slow line busy (RFC 5681: ten full packets are what it begins with). */
const leastPackets = 12;
/** Of a class; HTB counts in 64 ns. */
const mostBitPerSecond = 10e12;

const bytesIn = (bitPerSecond: number, ms: number): number => Math.floor((bitPerSecond / 8 / 1000) * ms);
const burstBytes = (bitPerSecond: number): number =>
  // 32 bits, and what 10 ms are at 100 Gbit/s.
  Math.min(Math.max(bytesIn(bitPerSecond, burstMs), 2 * packetBytes), 125_000_000);

/** Bytes that wait in a plain queue at most. */
export const byteLimit = (ceilBitPerSecond: number): number =>
  Math.min(Math.max(bytesIn(ceilBitPerSecond, waitMs), leastPackets * packetBytes), 1_000 * packetBytes);

/** Of a fair queue: a second of the rate, which is the most that is waited for after a flood that does not slow down by itself. */
const packetLimit = (ceilBitPerSecond: number): number =>
  Math.min(Math.max(Math.ceil(bytesIn(ceilBitPerSecond, 1_000) / packetBytes), leastPackets), 1_000);

/**
 * 64 flows are a household's; the usual 1,024 cost 70 kB a class. They are said once: the kernel refuses a change that
 * names them, be they the same (fq_codel_change in sch_fq_codel.c). The target is no shorter than a packet (RFC 8290 5.2.1).
 */
function fairQueue(ceilBitPerSecond: number, stands: boolean): string {
  const targetMs = Math.max(5, Math.ceil((packetBytes * 8 * 1000) / ceilBitPerSecond));
  return `fq_codel limit ${packetLimit(ceilBitPerSecond)} ${stands ? '' : 'flows 64 '}target ${targetMs}ms interval ${95 + targetMs}ms`;
}

const queueText = (queue: Queue, ceilBitPerSecond: number, stands: boolean): string =>
  queue === 'fq_codel' ? fairQueue(ceilBitPerSecond, stands) : `bfifo limit ${byteLimit(ceilBitPerSecond)}`;

function checkClass(given: ShaperClass): void {
  const { dev, minor, parent, rateBitPerSecond, ceilBitPerSecond } = given;
  demand(isOurLink(dev), 'an interface of ours', dev);
  demand(isInteger(minor, 1, 0xfffe), 'a class from 1 to 0xfffe', minor);
  demand(isInteger(parent, 0, 0xfffe) && parent !== minor, 'another class', parent);
  demand(isInteger(ceilBitPerSecond, 8, mostBitPerSecond), 'a rate', ceilBitPerSecond);
  demand(isInteger(rateBitPerSecond, 8, ceilBitPerSecond), 'a rate up to the ceiling', rateBitPerSecond);
}

/** The class and its queue. `bps` are bytes a second to tc. `stands`: such a queue is in it already. */
function setClass(queue: Queue, given: ShaperClass, stands = false): readonly string[] {
  checkClass(given);
  const { dev, minor, parent, rateBitPerSecond: rate, ceilBitPerSecond: ceil } = given;
  const place = `dev ${dev} parent 1:${parent === 0 ? '' : parent.toString(16)} classid ${classId(minor)}`;
  const rates = `rate ${Math.floor(rate / 8)}bps ceil ${Math.floor(ceil / 8)}bps`;
  const bursts = `burst ${burstBytes(rate)} cburst ${burstBytes(ceil)} quantum ${quantumBytes}`;
  return [
    `class replace ${place} htb ${rates} ${bursts}`,
    ...(given.queue
      ? [
          `qdisc replace dev ${dev} parent ${classId(minor)} handle ${minor.toString(16)}: ${queueText(queue, ceil, stands)}`,
        ]
      : []),
  ];
}

function removeClass({ dev, minor }: ShaperClass): string {
  demand(isOurLink(dev), 'an interface of ours', dev);
  demand(isInteger(minor, 1, 0xffff), 'a class', minor);
  return `class del dev ${dev} classid ${classId(minor)}`;
}

/** @throws Fault `invalid` */
export function renderClass(queue: Queue, step: StepOf<'class'>): readonly string[] {
  if (step.op === 'remove') return [removeClass(step.found)];
  const { want } = step;
  // A queue of another kind stays where it is, and a class keeps its parent: both begin anew.
  const anew = step.op === 'change' && (step.found.rateBitPerSecond === 0 || step.found.parent !== want.parent);
  const stands = step.op === 'change' && !anew && step.found.queue;
  return [...(anew ? [removeClass(step.found)] : []), ...setClass(queue, want, stands)];
}

/** A root cannot be changed: it is made anew, and these classes in it at once. @throws Fault `invalid` */
export function renderShaper(queue: Queue, step: StepOf<'shaper'>, classes: readonly ShaperClass[]): readonly string[] {
  const { dev, defaultClass, overhead }: Shaper = step.op === 'remove' ? step.found : step.want;
  demand(isOurLink(dev), 'an interface of ours', dev);
  if (step.op === 'remove') return [`qdisc del dev ${dev} root`];
  demand(isInteger(defaultClass, 0, 0xffff), 'a class', defaultClass);
  demand(isInteger(overhead, -64, 64), 'bytes of a header', overhead);
  const table = overhead === 0 ? '' : ` stab overhead ${overhead}`;
  const root = `root handle 1:${table} htb default ${defaultClass.toString(16)} direct_qlen ${directPackets}`;
  return [
    // Whatever stands there: the interface is ours. The kernel's own default cannot be removed, which is no failure.
    `qdisc del dev ${dev} root`,
    `qdisc add dev ${dev} ${root}`,
    ...classes.flatMap((each) => setClass(queue, each)),
  ];
}
