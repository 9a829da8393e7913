// Table: a row for each method. To add a method, add a row; policy.test.ts says which is missing.
//
// Cells: `y` yes; `o` for what is one's own (a user's things; a regional admin's PoPs and what hangs on them); `c` with a
// certificate alone; `-` no. Scopes are what a token has to name; `account` is for logins alone.

import { type Relation, relations } from './relations.ts';

export type Cell = 'y' | 'o' | 'c' | '-';
export type Scope = 'any' | 'read' | 'tunnels' | 'manage' | 'account' | 'mesh';

export const columns = [
  'anonymous',
  'user',
  'regional-admin',
  'auditor',
  'global-admin',
  'core-node',
  'regional-node',
  'micro-node',
] as const;

export interface Row {
  readonly scope: Scope;
  readonly cells: readonly Cell[];
  /** What the request names, for the cells `o`; undefined: narrowing and filters see to it. */
  readonly relation: Relation | undefined;
}

type Line = readonly [method: string, scope: Scope, cells: string, relation?: keyof typeof relations];

//                                                          anonymous, user, regional, auditor, global   core, regional, micro
const lines: readonly Line[] = [
  ['grpc.health.v1.Health/Check', 'any', 'y y y y y   y y -'],
  ['grpc.health.v1.Health/List', 'any', 'y y y y y   y y -'],
  // A stream that stands costs as long as it stands: not for strangers, who have Check.
  ['grpc.health.v1.Health/Watch', 'any', '- y y y y   y y -'],

  ['pop44.v1.TunnelService/CreateTunnel', 'tunnels', '- o o - y   - - -', 'newTunnel'],
  ['pop44.v1.TunnelService/GetTunnel', 'read', '- o o y y   y y -', 'tunnel'],
  ['pop44.v1.TunnelService/ListTunnels', 'read', '- o o y y   y y -'],
  ['pop44.v1.TunnelService/UpdateTunnel', 'tunnels', '- o o - y   - - -', 'tunnel'],
  ['pop44.v1.TunnelService/DeleteTunnel', 'tunnels', '- o o - y   - - -', 'tunnel'],
  ['pop44.v1.TunnelService/GetTunnelTemplate', 'read', '- o o y y   y y -', 'tunnel'],
  ['pop44.v1.TunnelService/GetSealingRecipients', 'read', '- o o y y   y y -', 'tunnelIfNamed'],
  ['pop44.v1.TunnelService/GetTunnelUsage', 'read', '- o o y y   y y -', 'tunnel'],
  ['pop44.v1.TunnelService/GetTunnelDenials', 'read', '- o o y y   y y -', 'tunnel'],
  // Which deleted ones one may see, their handlers look at: they stand in no snapshot.
  ['pop44.v1.TunnelService/RestoreTunnel', 'tunnels', '- o o - y   - - -'],
  ['pop44.v1.TunnelService/ListDeletedTunnels', 'read', '- o o y y   - - -'],
  ['pop44.v1.TunnelService/RotateTunnelKey', 'tunnels', '- o o - y   - - -', 'tunnel'],

  ['pop44.v1.AllocationService/Allocate', 'tunnels', '- o o - y   - - -', 'newAllocation'],
  ['pop44.v1.AllocationService/Release', 'tunnels', '- o o - y   - - -', 'ownerField'],
  ['pop44.v1.AllocationService/ListAllocations', 'read', '- o o y y   y y -', 'ownerField'],
  ['pop44.v1.AllocationService/AllocateMany', 'manage', '- - - - y   - - -'],

  ['pop44.v1.PoolService/CreatePool', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PoolService/GetPool', 'read', '- - y y y   y y -'],
  ['pop44.v1.PoolService/ListPools', 'read', '- - y y y   y y -'],
  ['pop44.v1.PoolService/UpdatePool', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PoolService/ResizePool', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PoolService/DeletePool', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PoolService/DelegatePool', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PoolService/DrainPool', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PoolService/CreateReservation', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PoolService/ListReservations', 'read', '- - - y y   y y -'],
  ['pop44.v1.PoolService/DeleteReservation', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PoolService/SetQuota', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PoolService/ListQuotas', 'read', '- - - y y   y y -'],
  ['pop44.v1.PoolService/CheckPools', 'manage', '- - - - y   - - -'],

  ['pop44.v1.DeskService/Whois', 'read', '- - - y y   y y -'],
  ['pop44.v1.DeskService/SuspendTunnel', 'manage', '- - o - y   - - -', 'tunnel'],
  ['pop44.v1.DeskService/UnsuspendTunnel', 'manage', '- - o - y   - - -', 'tunnel'],
  ['pop44.v1.DeskService/CreateBlackhole', 'manage', '- - - - y   - - -'],
  ['pop44.v1.DeskService/ListBlackholes', 'read', '- - y y y   y y -'],
  ['pop44.v1.DeskService/DeleteBlackhole', 'manage', '- - - - y   - - -'],

  ['pop44.v1.ExplainService/Explain', 'read', '- - - y y   y y -'],
  ['pop44.v1.ExplainService/ExplainFailure', 'read', '- - o y y   y y -', 'node'],

  // A site asks it with its certificate alone; each question in it is judged as a call of the login that it bears.
  ['pop44.v1.LiveService/Follow', 'any', 'y - - - -   - - -'],

  // Of one's own address; and of one's own tunnel, to which it sends packets.
  ['pop44.v1.ReachService/NearPops', 'read', '- y y y y   - - -'],
  ['pop44.v1.ReachService/ProbeTunnel', 'tunnels', '- o o - y   - - -', 'tunnel'],

  ['pop44.v1.FabricService/CreateNetwork', 'manage', '- - - - y   - - -'],
  ['pop44.v1.FabricService/SetFabricRouting', 'manage', '- - - - y   - - -'],
  ['pop44.v1.FabricService/CreatePop', 'manage', '- - - - y   - - -'],
  ['pop44.v1.FabricService/UpdatePop', 'manage', '- - o - y   - - -', 'pop'],
  ['pop44.v1.FabricService/ListPops', 'read', '- y y y y   y y -'],
  ['pop44.v1.FabricService/CreateAnycastGroup', 'manage', '- - - - y   - - -'],
  ['pop44.v1.FabricService/ListAnycastGroups', 'read', '- y y y y   y y -'],
  ['pop44.v1.FabricService/DeleteAnycastGroup', 'manage', '- - - - y   - - -'],
  ['pop44.v1.FabricService/CreateNode', 'manage', '- - o - y   - - -', 'newNode'],
  ['pop44.v1.FabricService/UpdateNode', 'manage', '- - o - y   - - -', 'node'],
  ['pop44.v1.FabricService/DrainNode', 'manage', '- - o - y   - - -', 'node'],
  ['pop44.v1.FabricService/UndrainNode', 'manage', '- - o - y   - - -', 'node'],
  ['pop44.v1.FabricService/RemoveNode', 'manage', '- - o - y   - - -', 'node'],
  ['pop44.v1.FabricService/ListNodes', 'read', '- - y y y   y y -'],
  ['pop44.v1.FabricService/CreateInterconnect', 'manage', '- - o - y   - - -', 'newInterconnect'],
  ['pop44.v1.FabricService/ListInterconnects', 'read', '- - y y y   y y -'],
  ['pop44.v1.FabricService/DeleteInterconnect', 'manage', '- - o - y   - - -', 'interconnect'],
  ['pop44.v1.FabricService/CreateUpstream', 'manage', '- - o - y   - - -', 'newUpstream'],
  ['pop44.v1.FabricService/ListUpstreams', 'read', '- - y y y   y y -'],
  ['pop44.v1.FabricService/DeleteUpstream', 'manage', '- - o - y   - - -', 'upstream'],
  ['pop44.v1.FabricService/SetUpstreamPassword', 'manage', '- - o - y   - - -', 'upstream'],
  ['pop44.v1.FabricService/SetPopAccessKey', 'manage', '- - o - y   - - -', 'popOfKey'],
  ['pop44.v1.FabricService/RotatePopAccessKey', 'manage', '- - o - y   - - -', 'popOfKey'],
  ['pop44.v1.FabricService/GetPopAccessKey', 'manage', '- - o - y   y y -', 'popId'],
  ['pop44.v1.FabricService/SetNodeSealingKey', 'manage', '- - o - y   - - -', 'nodeId'],
  // Of which node, and which step of it, its command looks at.
  ['pop44.v1.FabricService/RotateInterconnectKey', 'manage', '- - o - y   y y -', 'node'],
  ['pop44.v1.FabricService/TakeOver', 'manage', '- - o - y   - - -', 'node'],

  ['pop44.v1.StatusService/GetStatus', 'read', '- - y y y   y y -'],
  ['pop44.v1.StatusService/WaitApplied', 'read', '- o y y y   y y -', 'tunnel'],
  ['pop44.v1.StatusService/GetMesh', 'read', '- - y y y   y y -'],
  ['pop44.v1.StatusService/GetTop', 'read', '- - y y y   y y -'],
  ['pop44.v1.StatusService/ReleaseBrake', 'manage', '- - o - y   - - -', 'nodeId'],

  ['pop44.v1.TrustService/CreateJoinToken', 'manage', '- - o - y   - - -', 'newNode'],
  ['pop44.v1.TrustService/ListJoinTokens', 'read', '- - - y y   y y -'],
  ['pop44.v1.TrustService/DeleteJoinToken', 'manage', '- - o - y   - - -', 'joinToken'],
  ['pop44.v1.TrustService/RevokeNode', 'manage', '- - o - y   - - -', 'node'],
  ['pop44.v1.TrustService/RenewCertificate', 'mesh', '- - - - -   y y y'],
  ['pop44.v1.TrustService/ListCertificates', 'read', '- - y y y   y y -'],
  ['pop44.v1.TrustService/ListAuthorities', 'read', '- - y y y   y y -'],
  ['pop44.v1.TrustService/AddAuthority', 'manage', '- - - - y   - - -'],
  ['pop44.v1.TrustService/UseAuthority', 'manage', '- - - - y   - - -'],
  ['pop44.v1.TrustService/RetireAuthority', 'manage', '- - - - y   - - -'],
  ['pop44.v1.TrustService/RenewAdminCertificate', 'account', '- - - - c   - - -'],

  ['pop44.v1.PeopleService/SignUp', 'account', 'y y y y y   - - -'],
  ['pop44.v1.PeopleService/Verify', 'account', 'y y y y y   - - -'],
  ['pop44.v1.PeopleService/RequestReset', 'account', 'y y y y y   - - -'],
  ['pop44.v1.PeopleService/Reset', 'account', 'y y y y y   - - -'],
  ['pop44.v1.PeopleService/Login', 'account', 'y y y y y   - - -'],
  ['pop44.v1.PeopleService/Logout', 'account', '- y y y y   - - -'],
  ['pop44.v1.PeopleService/WhoAmI', 'any', 'y y y y y   - - -'],
  ['pop44.v1.PeopleService/ListLogins', 'account', '- o o o y   - - -', 'account'],
  ['pop44.v1.PeopleService/RevokeLogin', 'account', '- o o o y   - - -', 'account'],
  ['pop44.v1.PeopleService/ChangePassword', 'account', '- y y y y   - - -'],
  ['pop44.v1.PeopleService/CreateToken', 'account', '- y y y y   - - -'],
  ['pop44.v1.PeopleService/ListTokens', 'account', '- o o o y   - - -', 'account'],
  ['pop44.v1.PeopleService/RevokeToken', 'account', '- o o o y   - - -', 'account'],
  ['pop44.v1.PeopleService/Bootstrap', 'account', '- - - - c   - - -'],
  ['pop44.v1.PeopleService/ListUsers', 'manage', '- - - y y   - - -'],
  ['pop44.v1.PeopleService/GetUser', 'account', '- o o y y   - - -', 'account'],
  ['pop44.v1.PeopleService/ApproveUser', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PeopleService/SuspendUser', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PeopleService/ReinstateUser', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PeopleService/DeleteUser', 'account', '- o o o y   - - -', 'account'],
  ['pop44.v1.PeopleService/SetUserRole', 'account', '- - - - y   - - -'],
  ['pop44.v1.PeopleService/SetSignUp', 'manage', '- - - - y   - - -'],
  ['pop44.v1.PeopleService/ListMails', 'manage', '- - - y y   - - -'],

  ['pop44.v1.AuditService/ListAudit', 'manage', '- - - y y   - - -'],
  ['pop44.v1.AuditService/VerifyAudit', 'manage', '- - - y y   - - -'],
  ['pop44.v1.AuditService/ExportAudit', 'manage', '- - - y y   - - -'],
  ['pop44.v1.AuditService/TrimAudit', 'manage', '- - - - y   - - -'],

  // What daemons do for each other. An admin's order to a node comes by way of a CORE alone: a REGIONAL that was broken into
  // must not move the PoPs of others.
  ['pop44.v1.LeaderService/Forward', 'mesh', '- - - - -   y y -'],
  ['pop44.v1.MeshService/Stream', 'mesh', '- - - - -   y y -'],
  ['pop44.v1.MeshService/TellUsage', 'mesh', '- - - - -   y y -'],
  ['pop44.v1.MeshService/TellWhereabouts', 'mesh', '- - - - -   y y -'],
  ['pop44.v1.MeshService/OrderTakeover', 'mesh', '- - - - -   y - -'],
  ['pop44.v1.MeshService/CarryFlows', 'mesh', '- - - - -   y y -'],
  ['pop44.v1.MeshService/AskFlows', 'mesh', '- - - - -   y y -'],
  ['pop44.v1.MeshService/AskReach', 'mesh', '- - - - -   y y -'],
];

const cellsOf = (text: string): readonly Cell[] => text.split(/ +/) as readonly string[] as readonly Cell[];

/** By full name: `pop44.v1.TunnelService/CreateTunnel`. */
export const rows: ReadonlyMap<string, Row> = new Map(
  lines.map(([method, scope, cells, relation]) => [
    method,
    { scope, cells: cellsOf(cells), relation: relation && relations[relation] },
  ]),
);

// By descriptor: no text is put together at a call.
const known = new WeakMap<object, Row>();

/** Undefined: nobody may call it. O(1). */
export function rowOf(method: {
  readonly name: string;
  readonly parent: { readonly typeName: string };
}): Row | undefined {
  const before = known.get(method);
  if (before !== undefined) return before;
  const row = rows.get(`${method.parent.typeName}/${method.name}`);
  if (row !== undefined) known.set(method, row);
  return row;
}
