// Bytes: counts as people read them.

const units = ['kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Three digits and more in the largest SI unit: `0`, `512 B`, `1.50 MB`, `123 GB`. */
export function bytesText(count: bigint): string {
  if (count < 1_000n) return count === 0n ? '0' : `${count} B`;
  let value = Number(count) / 1_000;
  let at = 0;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1_000;
    at += 1;
  }
  return `${value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)} ${units[at]}`;
}
