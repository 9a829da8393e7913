#!/usr/bin/env node
// pop44d: the daemon of one node. program.ts is the daemon; it is loaded by a process that was born for it.

import { bornFrugal } from './birth.ts';

bornFrugal();
await import('./program.ts');
