// Firewall: what a tunnel's policy means, as values: presets, own rules, and the entries of tables of fixed shape that
// the rules become.
//
// On the path: command takes requests apart with it, desired makes elements of its entries, the CLI shows its presets.
// Never: knows nftables, or trusts a record: what it cannot read admits nothing.

export { type Entries, entriesOf, type Family } from './entries.ts';
export { portBlockSizes } from './port-blocks.ts';
export type { Policy, Rule } from './policy.ts';
export { isDefault, mostRules, policyOf, protocolName } from './policy.ts';
export { closed, isPresetName, type Preset, type PresetName, presetNames, presets } from './presets.ts';
export { sourceLengths, sourceProblem } from './source-blocks.ts';
