// Pace: how much longer anything may take in the machine of `npm run test:kernel`, whose processors are emulated.

/** An emulated processor is 10 to 20 times slower (measured: pop44d's start, wg(8), a handshake). */
export const pace = (process.env['POP44_KERNEL'] ?? '') === '' ? 1 : 15;
