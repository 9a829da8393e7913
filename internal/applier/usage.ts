// Usage: what this process has taken of its machine.

import type { Health } from '#internal/seam/seam.ts';

export function usage(): Pick<Health, 'rssBytes' | 'cpuSeconds'> {
  const { user, system } = process.cpuUsage();
  return { rssBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 };
}
