// Figures: what an instance tells Prometheus of itself: its process, and the certificates that it shows browsers.

import { X509Certificate } from 'node:crypto';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Clock } from '#internal/clock/clock.ts';
import type { CertificateSource } from './certificate.ts';

export interface Figures {
  text(): Promise<string>;
}

/** @param certificates by site */
export function createFigures(certificates: ReadonlyMap<string, CertificateSource>, clock: Clock): Figures {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'pop44_certificate_expiry_seconds',
    help: 'Until the certificate that browsers are shown ends; below zero without one.',
    ...{ registers, labelNames: ['certificate'] },
    collect() {
      for (const [certificate, source] of certificates) this.set({ certificate }, secondsLeft(source, clock.wall()));
    },
  });
  new Gauge({
    name: 'pop44_certificate_failures',
    help: 'Tries to renew the certificate that have failed since the last one that did not.',
    ...{ registers, labelNames: ['certificate'] },
    collect() {
      for (const [certificate, source] of certificates) this.set({ certificate }, source.failures());
    },
  });
  return { text: () => registry.metrics() };
}

function secondsLeft(source: CertificateSource, now: Date): number {
  const pair = source.current();
  if (pair === undefined) return -1;
  return (new X509Certificate(pair.certificate).validToDate.getTime() - now.getTime()) / 1_000;
}
