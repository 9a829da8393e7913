// Tunnel: the verbs of subscribers' links.

import type { Command } from 'commander';
import type { Session } from './session.ts';
import { createVerb } from './tunnel-create.ts';
import { fileVerb } from './tunnel-file.ts';
import { firewallVerbs } from './tunnel-firewall.ts';
import { probeVerb } from './tunnel-probe.ts';
import { rotateVerb } from './tunnel-rotate.ts';
import { rotatePskVerb } from './tunnel-rotate-psk.ts';
import { restoreVerbs } from './tunnel-restore.ts';
import { describeVerb, getVerb, listVerb } from './tunnel-show.ts';
import { suspendVerbs } from './tunnel-suspend.ts';
import { deleteVerb, updateVerbs } from './tunnel-update.ts';
import { usageVerb } from './tunnel-usage.ts';

export function tunnelVerbs(tunnel: Command, session: Session): void {
  for (const verb of [
    createVerb,
    listVerb,
    getVerb,
    describeVerb,
    updateVerbs,
    deleteVerb,
    fileVerb,
    firewallVerbs,
    rotateVerb,
    rotatePskVerb,
    restoreVerbs,
    suspendVerbs,
    usageVerb,
    probeVerb,
  ])
    verb(tunnel, session);
}
