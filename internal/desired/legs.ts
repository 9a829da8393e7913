// Legs: both ends of every interconnect come from one record; here is the end that this node holds.

import { fabricPrefixes, linkLocals, madeKeyFile } from '#internal/dataplane/ownership.ts';
import type { Interconnect, Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import {
  addressFrom,
  addressNumber,
  type Family,
  familyOf,
  firstAddress,
  parsePrefix,
  parseWgKey,
  wgKeyHex,
} from '#internal/netip/netip.ts';
import { type Community, communityOf } from './community.ts';
import { type Speech, speechBetween } from './routing.ts';
import { type Leg, type Self, sortedRecords } from './self.ts';

/** IFNAMSIZ is 16 with the closing zero (linux/if.h). */
const longestName = 15;

/** FNV-1a, 32 bit: short, stable names; a clash of two of a node's few interconnects shows as a failed link. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) {
    hash ^= character.codePointAt(0) ?? 0;
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}

/** The two links of an interconnect that take turns (adr/0016). */
export type Turn = keyof typeof fabricPrefixes;

export function interconnectLink(id: string, turn: Turn = 'i'): string {
  const name = `${fabricPrefixes[turn]}${id}`;
  return name.length <= longestName ? name : `${fabricPrefixes[turn]}${shortHash(id)}`;
}

/** The two addresses of a /31 or /127 (RFC 3021, RFC 6164), lower first. */
function pairOf(link: string): readonly [string, string] {
  const prefix = parsePrefix(link);
  if (typeof prefix !== 'string') throw new TypeError('a link that is no prefix');
  const low = firstAddress(prefix);
  return [low, addressFrom(familyOf(low), addressNumber(low) + 1n)];
}

/** Which link the keys in use belong to: each rotation of either end's key moves on to the other. */
function currentTurn(a: Node, b: Node): Turn {
  const passed = (a.interconnectKeyAge?.generation ?? 0) + (b.interconnectKeyAge?.generation ?? 0);
  return passed % 2 === 0 ? 'i' : 'j';
}

const otherTurn = (turn: Turn): Turn => (turn === 'i' ? 'j' : 'i');

interface Ends {
  readonly near: Node;
  readonly far: Node;
  readonly self: KeyFiles;
  readonly community: Community | undefined;
  readonly speech: Speech;
}

type KeyFiles = Pick<Self, 'interconnectKeyFile' | 'madeKeyBase'>;

function keyFileOf({ near, self }: Ends, key: string): string {
  const parsed = parseWgKey(key);
  const operators = key === near.interconnectPublicKey && near.interconnectKeyAge?.made !== true;
  if (operators || typeof parsed !== 'string') return self.interconnectKeyFile;
  return madeKeyFile(self.madeKeyBase ?? self.interconnectKeyFile, wgKeyHex(parsed));
}

/** The far end's address, in a family that both have, IPv4 first; empty when there is none. */
function farUnderlay({ underlayA, underlayB, nodeA }: Interconnect, { near, far }: Pick<Ends, 'near' | 'far'>): string {
  const [own, other] = nodeA === near.id ? [underlayA, underlayB] : [underlayB, underlayA];
  if (other !== '') return other;
  const has = (node: Node, family: Family): string => (family === 4 ? node.underlay4 : node.underlay6);
  const shared = ([4, 6] as const).find((family) =>
    own === '' ? has(near, family) !== '' && has(far, family) !== '' : own.includes(':') === (family === 6),
  );
  return shared === undefined ? '' : has(far, shared);
}

/** Undefined: the record does not say where its other link is. */
function leg(interconnect: Interconnect, ends: Ends, turn: Turn): Omit<Leg, 'leaving'> | undefined {
  const { near, far } = ends;
  const next = turn !== currentTurn(near, far);
  const [link4, link6, portA, portB] =
    turn === 'i'
      ? [interconnect.link4, interconnect.link6, interconnect.portA, interconnect.portB]
      : [interconnect.otherLink4, interconnect.otherLink6, interconnect.otherPortA, interconnect.otherPortB];
  if (link4 === '' || link6 === '') return undefined;
  const keyOf = (node: Node): string => (next ? node.nextInterconnectPublicKey : '') || node.interconnectPublicKey;
  const first = interconnect.nodeA === near.id;
  const [low4, high4] = pairOf(link4);
  const [low6, high6] = pairOf(link6);
  return {
    interconnect,
    link: interconnectLink(interconnect.id, turn),
    turn,
    keyFile: keyFileOf(ends, keyOf(near)),
    farKey: keyOf(far),
    far,
    ...(ends.community !== undefined && { community: ends.community }),
    ...ends.speech,
    listenPort: first ? portA : portB,
    farPort: first ? portB : portA,
    farUnderlay: farUnderlay(interconnect, ends),
    own4: first ? low4 : high4,
    far4: first ? high4 : low4,
    own6: first ? low6 : high6,
    far6: first ? high6 : low6,
    linkLocal: linkLocals[first ? 0 : 1],
  };
}

function legsOfOne(interconnect: Interconnect, ends: Ends): readonly Leg[] {
  const turn = currentTurn(ends.near, ends.far);
  const current = leg(interconnect, ends, turn);
  const rotating = ends.near.nextInterconnectPublicKey !== '' || ends.far.nextInterconnectPublicKey !== '';
  const next = rotating ? leg(interconnect, ends, otherTurn(turn)) : undefined;
  return [
    ...(current === undefined ? [] : [{ ...current, leaving: next !== undefined }]),
    ...(next === undefined ? [] : [{ ...next, leaving: false }]),
  ];
}

/**
 * The node's ends of its interconnects, by id; one whose far node is unknown or was revoked is left out. While a key of either end is
 * rotated there are two: the one with the next key, and the one that carries everything until it can.
 */
export function legsOf(snapshot: Snapshot, near: Node, self: KeyFiles): readonly Leg[] {
  return sortedRecords(snapshot.interconnects.values(), (i) => i.id).flatMap((interconnect) => {
    if (interconnect.nodeA !== near.id && interconnect.nodeB !== near.id) return [];
    const farId = interconnect.nodeA === near.id ? interconnect.nodeB : interconnect.nodeA;
    const far = snapshot.nodes.get(farId)?.record;
    if (far === undefined || !inForce(far)) return [];
    const between = { community: communityOf(snapshot, near, far), speech: speechBetween(snapshot, near, far) };
    return legsOfOne(interconnect, { near, far, self, ...between });
  });
}
