// Show: times, amounts and names as pages spell them.

import { html, type Html } from './html.ts';

/** In UTC, to the minute; browsers may show it in their own time. */
export const moment = (at: Date): Html =>
  html`<time datetime="${at.toISOString()}">${at.toISOString().slice(0, 16).replace('T', ' ')} UTC</time>`;

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `1.5 MB`: powers of 1,000. */
export function bytes(count: bigint | number): string {
  let value = Number(count);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export const percent = (part: number): string =>
  part > 0 && part < 0.001 ? '< 0.1 %' : `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;

/** What may come in, for people. */
export const firewallChoices = [
  { value: 'ping', label: 'Pings only', hint: 'It answers pings. A good start.' },
  { value: 'closed', label: 'Nothing', hint: 'Only answers to what it has asked itself.' },
  { value: 'ping,web', label: 'A web server', hint: 'Pings, TCP 80 and 443, UDP 443.' },
  { value: 'ping,ssh,web', label: 'A web server and SSH', hint: 'The same, and TCP 22.' },
  { value: 'echolink,ping', label: 'EchoLink', hint: 'Pings, UDP 5198 and 5199.' },
  { value: 'iax2,ping', label: 'AllStarLink', hint: 'Pings, UDP 4569 (IAX2).' },
  { value: 'open', label: 'Everything', hint: 'For a router with a firewall of its own.' },
] as const;

export function firewallLabel(presets: readonly string[], rules: number): string {
  const word = [...presets].sort().join(',');
  const known = firewallChoices.find(({ value }) => value === word)?.label ?? word.replaceAll(',', ', ');
  return rules === 0
    ? known || 'Nothing'
    : `${known === '' ? '' : `${known}, and `}${rules} rule${rules === 1 ? '' : 's'} of your own`;
}

/** Where: the description of a PoP, or its id. */
export const popLabel = ({ id, description }: { readonly id: string; readonly description: string }): string =>
  description === '' ? id : `${id} (${description})`;
