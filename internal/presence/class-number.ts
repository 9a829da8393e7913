// Class number: which of a shaper's 16-bit classes is a tunnel's.
//
// By the tunnel's id, so that a daemon that was restarted gives the same number again and the classes that stand stay
// as they are; a clash of two takes the next that is free, and holds it while the tunnel lives.

/** Below are the shaper's own (desired/shaping.ts); 0xffff is the kernel's (TC_H_ROOT, linux/pkt_sched.h). */
const first = 0x10;
const last = 0xfffe;
const numbers = last - first + 1;

/** FNV-1a, 32 bit. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash ^= text.charCodeAt(at);
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash;
}

/**
 * A number that nobody has, or undefined when all are taken. O(1) while most are free.
 * @param taken numbers of others; never more than there are
 */
export function classNumber(
  tunnelId: string,
  taken: { readonly size: number; has(number: number): boolean },
): number | undefined {
  if (taken.size >= numbers) return undefined;
  let number = first + (hashOf(tunnelId) % numbers);
  while (taken.has(number)) number = number === last ? first : number + 1;
  return number;
}
