// Tunnel service: tunnels as people see them.

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  createTunnel,
  deletedNamed,
  deleteTunnel,
  findTunnel,
  isDeletedAs,
  ledForCreateTunnel,
  ledForDeleteTunnel,
  restoreTunnel,
  rotateKey,
  sealingRecipients,
  toTunnel,
  tunnelTemplate,
  updateTunnel,
} from '#internal/command/command.ts';
import { isRefusal } from '#internal/errors/errors.ts';
import type { DeletedTunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Tunnel, TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { sees } from '#internal/policy/policy.ts';
import type { Principal } from '#internal/rpc/rpc.ts';
import { askedPage, page, tokenOf } from './pages.ts';
import type { HandlersOf, ServiceContext } from './service.ts';
import { changing, found, freshness, granted, localPopId } from './service.ts';
import { tunnelUsage } from './tunnel-usage.ts';

/** Where one tunnel is. */
export interface Stay {
  /** Node that holds it; undefined: it has not been seen yet. */
  readonly nodeId: string | undefined;
  /** How often it has moved between nodes, as far as that is known. */
  readonly moves: number;
  /** Unix time in milliseconds; undefined: it may move. */
  readonly frozenUntilMs: number | undefined;
  /** Other nodes that its key has shaken hands with of late. */
  readonly alsoAt: readonly string[];
}

/** A tunnel as its record has it, and where it is. */
function living(context: ServiceContext, snapshot: Snapshot, stored: Parameters<typeof toTunnel>[1]): Tunnel {
  const tunnel = toTunnel(snapshot, stored);
  const { nodeId = '', moves, frozenUntilMs, alsoAt } = context.stayOf(tunnel.id);
  tunnel.heldByNodeId = nodeId;
  tunnel.moves = moves;
  tunnel.alsoAtNodeIds = [...alsoAt];
  if (frozenUntilMs !== undefined) tunnel.frozenUntil = timestampFromMs(frozenUntilMs);
  return tunnel;
}

const tunnelId = /^[0-9a-f]{12}$/;

/** Those that a request may mean: one by its id, or of a name all that had it. */
async function deletedAs({ store }: ServiceContext, ref: string): Promise<readonly DeletedTunnel[]> {
  if (ref === '') return [];
  if (tunnelId.test(ref)) return [await store.deletedTunnel(ref)].flatMap((each) => each ?? []);
  const named: DeletedTunnel[] = [];
  for await (const slice of store.readDeleted()) named.push(...slice.filter((each) => isDeletedAs(each, ref)));
  return named;
}

/** Which tunnels it may see. @throws Refused */
export function seenBy({ keeper }: Pick<ServiceContext, 'keeper'>, principal: Principal): ReturnType<typeof sees> {
  return principal.kind === 'user' ? sees(granted(keeper.actor(principal))) : () => true;
}

export function tunnelHandlers(context: ServiceContext): HandlersOf<typeof TunnelService> {
  const { head } = context;
  const { method } = TunnelService;
  return {
    createTunnel: changing(context, method.createTunnel, createTunnel, { led: ledForCreateTunnel }),
    updateTunnel: changing(context, method.updateTunnel, updateTunnel),
    deleteTunnel: changing(context, method.deleteTunnel, deleteTunnel, { led: ledForDeleteTunnel }),
    rotateTunnelKey: changing(context, method.rotateTunnelKey, rotateKey),
    restoreTunnel: async (request, call) => {
      const shows = seenBy(context, call.principal);
      const seen = (await deletedAs(context, request.tunnel)).filter(({ tunnel }) => tunnel && shows(tunnel));
      const record = deletedNamed(seen, request.tunnel);
      const restore = changing(context, method.restoreTunnel, (snapshot, asked, around) =>
        isRefusal(record) ? record : restoreTunnel(snapshot, asked, around, record),
      );
      return restore(request, call);
    },
    listDeletedTunnels: async (request, { principal }) => {
      const { size, after } = granted(askedPage(request));
      const shows = seenBy(context, principal);
      const snapshot = head.snapshot();
      const tunnels: Tunnel[] = [];
      for await (const slice of context.store.readDeleted(after === '' ? undefined : after)) {
        for (const { tunnel } of slice) {
          const wanted = tunnel !== undefined && shows(tunnel) && [tunnel.owner, ''].includes(request.owner);
          if (!wanted || snapshot.tunnels.has(tunnel.id)) continue;
          if (tunnels.length === size) return { tunnels, nextPageToken: tokenOf(tunnels.at(-1)?.id ?? '') };
          tunnels.push(toTunnel(snapshot, { record: tunnel }));
        }
      }
      return { tunnels, nextPageToken: '' };
    },
    getTunnel: async (request, { signal }) => {
      const stored = await found(context, signal, (snapshot) => findTunnel(snapshot, request.tunnel));
      return { tunnel: living(context, head.snapshot(), stored), freshness: freshness(context) };
    },
    listTunnels: async (request, { principal }) => {
      const { owner } = request;
      const snapshot = head.snapshot();
      const shows = seenBy(context, principal);
      const wanted = page(
        snapshot.tunnels,
        request,
        ({ record }) => (owner === '' || record.owner === owner) && shows(record),
      );
      const { items, nextPageToken } = granted(wanted);
      return {
        tunnels: items.map((stored) => living(context, snapshot, stored)),
        nextPageToken,
        freshness: freshness(context),
      };
    },
    getTunnelUsage: async (request, { signal }) => {
      const { record } = await found(context, signal, (snapshot) => findTunnel(snapshot, request.tunnel));
      const around = { snapshot: head.snapshot(), nodeId: context.config.nodeId, usage: context.usage };
      return { ...(await tunnelUsage(around, record, signal)), freshness: freshness(context) };
    },
    getTunnelTemplate: async (request, { signal }) => {
      const template = await found(context, signal, (snapshot) => {
        const stored = findTunnel(snapshot, request.tunnel);
        return isRefusal(stored) ? stored : tunnelTemplate(snapshot, stored, request);
      });
      return { ...template, freshness: freshness(context) };
    },
    getSealingRecipients: async (request, { signal }) => {
      const answer = await found(context, signal, (snapshot) =>
        sealingRecipients(snapshot, request, localPopId(context)),
      );
      return { ...answer, freshness: freshness(context) };
    },
    getTunnelDenials: async (request, { signal }) => {
      const { record } = await found(context, signal, (snapshot) => findTunnel(snapshot, request.tunnel));
      const denied = await context.denials(record.prefixes.map(({ prefix }) => prefix));
      return {
        nodeId: context.config.nodeId,
        denials: denied.map(({ prefix, packets, bytes }) => ({
          prefix,
          packets: BigInt(packets),
          bytes: BigInt(bytes),
        })),
      };
    },
  };
}
