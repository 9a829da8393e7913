// Vouching: each daemon of a CORE signs, hour by hour, where the audit of all other nodes ends, so that whoever cuts or
// rewrites the end of a chain, which no hash in the chain itself could show, contradicts what others have signed.
//
// On the path: runs beside following people; the API asks whether what was signed still stands.
// Never: signs anew over what contradicts what it has signed before, or takes anything away.

export { signAgainAndAgain, signHeads } from './signing.ts';
export { openStatements } from './statement.ts';
export { vouchedFor } from './vouched.ts';
