// Text of nft's language that both tables are put together from.

export const chain = (name: string, ...lines: readonly string[]): string =>
  [`chain ${name} {`, ...lines.map((line) => `\t${line}`), '}'].join('\n');
