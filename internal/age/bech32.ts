// Bech32: the text in which age writes its keys (BIP 173), without that standard's limit of 90 characters' use.

const letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const checksumLength = 6;

function polymod(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    generator.forEach((part, bit) => {
      if (((top >>> bit) & 1) === 1) sum ^= part;
    });
  }
  return sum;
}

function expanded(prefix: string): readonly number[] {
  const codes = Array.from(prefix, (letter) => letter.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

/** Groups of `from` bits as groups of `to`; what is left over is padded with zeros, or must be less than a group of them. */
function regrouped(values: Iterable<number>, from: number, to: number, pad: boolean): readonly number[] | undefined {
  const out: number[] = [];
  let held = 0;
  let bits = 0;
  for (const value of values) {
    held = ((held << from) | value) & 0xfff;
    for (bits += from; bits >= to; ) {
      bits -= to;
      out.push((held >> bits) & ((1 << to) - 1));
    }
  }
  const rest = (held << (to - bits)) & ((1 << to) - 1);
  if (pad) return bits === 0 ? out : [...out, rest];
  return bits < from && rest === 0 ? out : undefined;
}

/** In lower case. */
export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  const words = regrouped(bytes, 8, 5, true) ?? [];
  const sum = polymod([...expanded(prefix), ...words, 0, 0, 0, 0, 0, 0]) ^ 1;
  const check = Array.from({ length: checksumLength }, (_, at) => (sum >>> (5 * (checksumLength - 1 - at))) & 31);
  return `${prefix}1${[...words, ...check].map((word) => letters[word]).join('')}`;
}

/** The bytes of a text in lower case with that prefix; undefined when it is none or its checksum is wrong. */
export function decodeBech32(prefix: string, text: string): Uint8Array | undefined {
  if (!text.startsWith(`${prefix}1`)) return undefined;
  const words = Array.from(text.slice(prefix.length + 1), (letter) => letters.indexOf(letter));
  if (words.length < checksumLength || words.includes(-1)) return undefined;
  if (polymod([...expanded(prefix), ...words]) !== 1) return undefined;
  const bytes = regrouped(words.slice(0, -checksumLength), 5, 8, false);
  return bytes === undefined ? undefined : Uint8Array.from(bytes);
}
