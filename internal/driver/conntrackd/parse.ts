// Parse: our own configuration of conntrackd, and what it counts.

import type { Sync } from '#internal/dataplane/dataplane.ts';
import type { FlowCounts } from './conntrackd.ts';

export interface Written extends Sync {
  readonly interfaceIndex: number;
}

/** Undefined: that is no text of ours. */
export function parseConfig(text: string): Written | undefined {
  const word = (pattern: RegExp): string | undefined => pattern.exec(text)?.[1];
  const interfaceIndex = word(/^# Written by pop44d\. Interface number (\d+)\.$/m);
  const link = word(/^ {4}Interface (\S+)$/m);
  const own = word(/^ {4}IPv4_address (\S+)$/m);
  const far = word(/^ {4}IPv4_Destination_Address (\S+)$/m);
  if (interfaceIndex === undefined || link === undefined || own === undefined || far === undefined) return undefined;
  return { link, own, far, interfaceIndex: Number(interfaceIndex) };
}

/** Of `conntrackd -s`; undefined: that is something else. */
export function parseCounts(text: string): FlowCounts | undefined {
  const of = (cache: string): number | undefined => {
    const found = new RegExp(`^cache ${cache}:\\s+current active connections:\\s+(\\d+)`, 'm').exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const [own, held] = [of('internal'), of('external')];
  return own === undefined || held === undefined ? undefined : { own, held };
}
