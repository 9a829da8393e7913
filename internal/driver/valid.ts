// Valid: what may be written into a tool's language. Values come over a socket from the unprivileged half, so that
// nothing is rendered that was not looked at here.

import { isIP, isIPv4, isIPv6 } from 'node:net';
import { linkPrefix } from '#internal/dataplane/ownership.ts';
import { Fault } from '#internal/errors/errors.ts';

const whole = (text: string, most: number): boolean => /^(0|[1-9]\d{0,9})$/.test(text) && Number(text) <= most;

export const isPrefix = (text: string): boolean => {
  const [address = '', length = '', ...rest] = text.split('/');
  const family = isIP(address);
  return rest.length === 0 && family !== 0 && !address.includes('%') && whole(length, family === 4 ? 32 : 128);
};

/** `198.18.1.2:51820` or `[2001:db8::1]:51820`. */
export const isEndpoint = (text: string): boolean => {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(colon, 0));
  const inner = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : '';
  const address = inner === '' ? isIPv4(host) : isIPv6(inner) && !inner.includes('%');
  return address && whole(text.slice(colon + 1), 65535);
};

/** 32 bytes as 44 characters of base64. */
export const isKey = (text: string): boolean => /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);

/** An interface of ours; IFNAMSIZ is 16 with the closing zero. */
export const isOurLink = (name: string): boolean =>
  name.startsWith(linkPrefix) && /^[a-z0-9][a-z0-9_-]{0,14}$/.test(name);

export const isInteger = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

/** @throws Fault `invalid`: the value is never sent to a tool */
export function demand(holds: boolean, what: string, value: unknown): void {
  if (!holds) throw new Fault('invalid', `${JSON.stringify(value)} is not ${what}`);
}
