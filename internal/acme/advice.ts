// Advice: when the server wants a certificate renewed (ACME Renewal Information, RFC 9773), because it will be revoked, or
// since everybody else renews at that time.

import type { X509Certificate } from 'node:crypto';
import { Fault } from '#internal/errors/errors.ts';
import { issuerKeyId } from '#internal/identity/identity.ts';
import type { Window } from './renewal.ts';
import { fieldsOf, type Session } from './session.ts';

/**
 * What the server knows a certificate by (RFC 9773 4.1): key identifier of its CA and serial number. Undefined: it names no
 * key of its CA.
 */
export async function certificateId(certificate: X509Certificate): Promise<string | undefined> {
  const keyId = await issuerKeyId(certificate);
  if (keyId === undefined) return undefined;
  const serial = Buffer.from(certificate.serialNumber, 'hex');
  // As in DER: a first byte of 80 and above would be a minus.
  const positive = (serial[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), serial]) : serial;
  return [keyId, positive].map((bytes) => bytes.toString('base64url')).join('.');
}

export interface Advice {
  readonly window: Window;
  /** Milliseconds after which it wants to be asked again. */
  readonly retryAfterMs: number | undefined;
}

/** Undefined: this server gives none. @throws Fault `acme` */
export async function adviceOn(session: Session, id: string): Promise<Advice | undefined> {
  const url = session.resource('renewalInfo');
  if (url === undefined) return undefined;
  const answer = await session.get(`${url.replace(/\/$/, '')}/${id}`);
  const suggested = fieldsOf('its advice', answer.fields.value('suggestedWindow'));
  const [start, end] = [suggested.text('start'), suggested.text('end')].map((text) => new Date(text)) as [Date, Date];
  // RFC 9773 4.2: an end at or before the start is no advice.
  if (!(start < end))
    throw new Fault('acme', `its advice is a window from ${suggested.text('start')} to ${suggested.text('end')}`);
  return { window: { start, end }, retryAfterMs: answer.retryAfterMs };
}
