// Command: a wish becomes a decision, or a refusal that names the field, the value and the cure.
//
// On the path: submit asks with the daemon's current snapshot, etcd takes the decision as one transaction, and a
// conflict asks again with a newer snapshot.
// Never: waits, reads a clock, makes up an id of its own, or trusts that the snapshot is still true: a decision
// compares every record that it read and that another command may change.

export { allocate } from './allocate.ts';
export { toAllocation } from './allocation-view.ts';
export { createAnycastGroup, deleteAnycastGroup, groupShown } from './anycast-groups.ts';
export { addAuthority, authorityNamed, notTrustedBy, retireAuthority, useAuthority, usersOf } from './authorities.ts';
export { createBlackhole, deleteBlackhole, sweepBlackholes } from './blackholes.ts';
export type { Scan } from './check-pools.ts';
export { checkPools } from './check-pools.ts';
export type { CommandContext, Decided } from './context.ts';
export { createPool } from './create-pool.ts';
export { createTunnel } from './create-tunnel.ts';
export { delegatePool } from './delegate-pool.ts';
export { clearings, clearPool, deletePool } from './delete-pool.ts';
export { deleteTunnel } from './delete-tunnel.ts';
export { deleteUpstream } from './delete-upstream.ts';
export { type Carried, drainNode, undrainNode } from './drain-node.ts';
export { drainPool } from './drain-pool.ts';
export { withEnded } from './ended.ts';
export { findPool, findTunnel } from './find.ts';
export type { Finding } from './finding.ts';
export { createInterconnect, deleteInterconnect } from './interconnects.ts';
export { joinNode, renewCertificate, type Signed } from './join-node.ts';
export { createJoinToken, deleteJoinToken, noToken, toJoinToken, tokenFor } from './join-token.ts';
export { ledForAllocate, ledForCreateTunnel, ledForDeleteTunnel, ledForRelease } from './led-pool.ts';
export { fabricRouting, setFabricRouting } from './fabric-routing.ts';
export { createNetwork } from './network.ts';
export { setNodeSealingKey } from './node-sealing-key.ts';
export { createNode } from './nodes.ts';
export { popAccessKey, popShown, setPopAccessKey } from './pop-access-key.ts';
export { createPop } from './pops.ts';
export { openQuota, quotasOf, setQuota } from './quotas.ts';
export { release } from './release.ts';
export { removeNode } from './remove-node.ts';
export { createReservation, deleteReservation } from './reservations.ts';
export { resizePool } from './resize-pool.ts';
export { deletedNamed, isDeletedAs, restoreTunnel } from './restore-tunnel.ts';
export { revokeNode } from './revoke-node.ts';
export {
  neighboursOf,
  openInterconnectRotation,
  promoteInterconnectKey,
  rotateInterconnectKey,
  rotatingNeighbour,
  rotationDueMs,
} from './rotate-interconnect-key.ts';
export { promoteKey, rotateKey } from './rotate-key.ts';
export { endPopKeyWindow, rotatePopAccessKey } from './rotate-pop-key.ts';
export { sealingRecipients } from './sealing-recipients.ts';
export { suspendTunnel, unsuspendTunnel } from './suspend-tunnel.ts';
export { sweepPool } from './sweep.ts';
export { tunnelTemplate } from './template.ts';
export { uncutSlabs } from './uncut.ts';
export { updateNode } from './update-node.ts';
export { updatePool } from './update-pool.ts';
export { updatePop } from './update-pop.ts';
export { updateTunnel } from './update-tunnel.ts';
export { setUpstreamPassword, upstreamShown, upstreamsWithPassword } from './upstream-password.ts';
export { createUpstream } from './upstreams.ts';
export { toPool, toReservation, toTunnel } from './view.ts';
export { whois } from './whois.ts';
export { placesOf } from './whois-now.ts';
