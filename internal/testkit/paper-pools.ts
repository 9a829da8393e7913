// Paper pools: what the commands on pools should answer, from plain lists that are searched from end to end. They know
// nothing of records, indexes and revisions.

import { type Block, block, holds, isUnusable, meet, parts, same, textOf } from './paper-block.ts';
import type { Answer, Item, PaperWish, Pool, Reservation, Slab } from './paper-lists.ts';

interface Order {
  readonly pool: Pool;
  readonly unit: number;
  readonly owner: string;
  readonly home: string;
  readonly prefix?: Block;
}

const lowestFirst = (a: { readonly at: Block }, b: { readonly at: Block }): number =>
  a.at.first < b.at.first ? -1 : 1;

export class PaperPools {
  #pools: readonly Pool[] = [];
  #items: readonly Item[] = [];
  #slabs: readonly Slab[] = [];
  #reservations: readonly Reservation[] = [];

  create(name: string, slabLength: number, quarantine: number): void {
    const pool = { name, at: block(name), slabLength, home: '', parent: '', frozen: false, quarantine };
    this.#pools = [...this.#pools, pool];
  }

  get names(): readonly string[] {
    return this.#pools.map(({ name }) => name);
  }

  /** What is not free: `44.60.0.8/29 held ada`, sorted. */
  get held(): readonly string[] {
    return this.#items.map(({ at, state, owner }) => `${textOf(at)} ${state} ${owner}`).sort();
  }

  allocate(owner: string, home: string, wishes: readonly PaperWish[]): Answer {
    const orders: Order[] = [];
    for (const wish of wishes) {
      const order = this.#order(owner, home, wish);
      if (typeof order === 'string') return order;
      for (let n = 0; n < (wish.prefix === '' ? wish.count : 1); n += 1) orders.push(order);
    }
    const [items, slabs] = [this.#items, this.#slabs];
    const given: Block[] = [];
    for (const order of orders) {
      const at = order.prefix === undefined ? this.#lowest(order) : this.#exactly(order, order.prefix);
      if (typeof at === 'string') {
        [this.#items, this.#slabs] = [items, slabs];
        return at;
      }
      this.#give(order, at, 'held');
      given.push(at);
    }
    this.#slabs = this.#slabs.map((slab) => ({ ...slab, fresh: false }));
    return given;
  }

  #order(owner: string, home: string, { pool: name, length, prefix }: PaperWish): Order | string {
    const pool = this.#named(name);
    if (pool === undefined) return 'not-found';
    const order = { pool, unit: length, owner, home: pool.home || home };
    if (prefix === '') {
      if (pool.frozen) return 'frozen';
      return length < pool.slabLength || length > pool.at.bits ? 'invalid' : order;
    }
    const at = block(prefix);
    if (at.bits !== pool.at.bits) return 'family-mismatch';
    const own = this.#in(pool, at).some((item) => same(item.at, at) && item.state === 'held' && item.owner === owner);
    if (own) return 'taken';
    return pool.frozen ? 'frozen' : { ...order, unit: at.length, prefix: at };
  }

  #named(name: string): Pool | undefined {
    return this.#pools.find((pool) => pool.name === name);
  }

  /** What lies there. */
  #in(pool: Pool, at: Block): readonly Item[] {
    return this.#items.filter((item) => item.pool === pool.name && meet(item.at, at));
  }

  #slabOf(pool: Pool, at: Block): Slab | undefined {
    return this.#slabs.find((slab) => slab.pool === pool.name && meet(slab.at, at));
  }

  /** @param but what is reserved for this owner does not count */
  #reserved(pool: Pool, at: Block, but?: string): boolean {
    return this.#reservations.some(
      (one) => one.pool === pool.name && meet(one.at, at) && (but ?? '') !== (one.owner || '-'),
    );
  }

  /** The lowest unit of the slab that nobody has anything in. */
  #freeIn(pool: Pool, slab: Block, unit: number): Block | undefined {
    const there = this.#in(pool, slab);
    for (const at of parts(slab, unit)) {
      if (!isUnusable(at) && !there.some((item) => meet(item.at, at)) && !this.#reserved(pool, at)) return at;
    }
    return undefined;
  }

  #lowest({ pool, unit, owner, home }: Order): Block | string {
    const [latest] = this.#items
      .filter((item) => item.pool === pool.name && item.state === 'quarantined' && item.owner === owner)
      .filter(({ at }) => at.length === unit && !this.#reserved(pool, at))
      .sort((a, b) => b.until - a.until || lowestFirst(b, a));
    if (latest !== undefined) return latest.at;
    const slabs = this.#slabs.filter((slab) => slab.pool === pool.name && slab.unit === unit && !slab.delegated);
    const seen = slabs.filter((slab) => !slab.fresh).sort(lowestFirst);
    const others = seen
      .filter((slab) => slab.home !== home)
      .sort((a, b) => (a.home < b.home ? -1 : a.home > b.home ? 1 : 0));
    const newOnes = unit < pool.slabLength ? [] : parts(pool.at, pool.slabLength);
    for (const { at } of seen.filter((slab) => slab.home === home)) {
      const free = this.#freeIn(pool, at, unit);
      if (free !== undefined) return free;
    }
    for (const at of newOnes) {
      const there = this.#slabOf(pool, at);
      const along = there?.fresh === true && there.home === home && there.unit === unit;
      const free = there === undefined || along ? this.#freeIn(pool, at, unit) : undefined;
      if (free !== undefined) return free;
    }
    for (const { at } of others) {
      const free = this.#freeIn(pool, at, unit);
      if (free !== undefined) return free;
    }
    return 'pool-exhausted';
  }

  #exactly({ pool, owner }: Order, at: Block): Block | string {
    if (!holds(pool.at, at)) return 'outside-pool';
    if (at.length < pool.slabLength) return 'misaligned';
    const slab = this.#slabOf(pool, at);
    if (slab !== undefined && (slab.delegated || slab.unit !== at.length)) return 'overlap';
    if (this.#reserved(pool, at, owner) || isUnusable(at)) return 'reserved';
    const [there] = this.#in(pool, at);
    return there === undefined || (there.state === 'quarantined' && there.owner === owner) ? at : 'taken';
  }

  #give({ pool, unit, home, owner }: Order, at: Block, state: Item['state']): void {
    const rest = this.#items.filter((item) => item.pool !== pool.name || !meet(item.at, at));
    this.#items = [...rest, { pool: pool.name, at, state, owner, until: 0 }];
    if (this.#slabOf(pool, at) !== undefined) return;
    const around = [...parts(pool.at, pool.slabLength)].find((slab) => meet(slab, at)) ?? at;
    this.#slabs = [...this.#slabs, { pool: pool.name, at: around, unit, home, delegated: false, fresh: true }];
  }

  /** @param now seconds */
  release(owner: string, prefix: string, now: number): Answer {
    const at = block(prefix);
    const [item, more] = this.#items.filter((one) => one.state !== 'quarantined' && same(one.at, at));
    if (item === undefined) return 'not-found';
    if (more !== undefined) return 'invalid';
    if (item.state === 'delegated') return 'in-use';
    if (item.owner !== owner) return 'not-owner';
    const seconds = this.#named(item.pool)?.quarantine ?? 0;
    const rest = this.#items.filter((one) => one !== item);
    this.#items = seconds === 0 ? rest : [...rest, { ...item, state: 'quarantined', until: now + seconds }];
    return [];
  }

  sweep(pool: string, now: number): void {
    this.#items = this.#items.filter((item) => item.pool !== pool || item.state !== 'quarantined' || item.until > now);
  }

  #inPool(name: string, prefix: string): { readonly pool: Pool; readonly at: Block } | string {
    const pool = this.#named(name);
    if (pool === undefined) return 'not-found';
    const at = block(prefix);
    if (at.bits !== pool.at.bits) return 'family-mismatch';
    return holds(pool.at, at) ? { pool, at } : 'outside-pool';
  }

  reserve(name: string, prefix: string, owner: string): Answer {
    const found = this.#inPool(name, prefix);
    if (typeof found === 'string') return found;
    const { pool, at } = found;
    if (this.#reserved(pool, at)) return 'overlap';
    const delegated = this.#pools.some((child) => child.parent === name && meet(child.at, at));
    if (delegated || this.#in(pool, at).some((item) => owner === '' || item.owner !== owner)) return 'in-use';
    this.#reservations = [...this.#reservations, { pool: name, at, owner }];
    return [];
  }

  unreserve(name: string, prefix: string): Answer {
    const found = this.#inPool(name, prefix);
    if (typeof found === 'string') return found;
    const rest = this.#reservations.filter((one) => one.pool !== name || !same(one.at, found.at));
    if (rest.length === this.#reservations.length) return 'not-found';
    this.#reservations = rest;
    return [];
  }

  /** @param prefix empty: the first free one of the length */
  delegate(name: string, prefix: string, length: number, home: string): Answer {
    const pool = this.#named(name);
    if (pool === undefined) return 'not-found';
    if (pool.frozen) return 'frozen';
    const found = prefix === '' ? undefined : this.#inPool(name, prefix);
    if (typeof found === 'string') return found;
    const unit = found?.at.length ?? length;
    const ipv4 = pool.at.bits === 32;
    if (unit <= pool.at.length || unit < pool.slabLength - 6 || unit > (ipv4 ? 30 : 64)) return 'invalid';
    const order = { pool, unit, owner: '', home: pool.home || home };
    const isUnit = unit > pool.slabLength;
    const ofUnits = found === undefined ? this.#lowest : (some: Order) => this.#exactly(some, found.at);
    const at = isUnit ? ofUnits.call(this, order) : this.#wholeSlabs(pool, unit, found?.at);
    if (typeof at === 'string') return at;
    if (this.#pools.some((other) => same(block(other.name), at))) return 'already-exists';
    if (isUnit) this.#give(order, at, 'delegated');
    else {
      const delegated = { pool: name, unit: pool.slabLength, home, delegated: true };
      const slabs = [...parts(at, pool.slabLength)].map((slab) => ({ ...delegated, at: slab, fresh: false }));
      this.#slabs = [...this.#slabs, ...slabs];
    }
    this.#slabs = this.#slabs.map((slab) => ({ ...slab, fresh: false }));
    const slabLength = ipv4 ? Math.max(24, at.length) : Math.max(48, Math.min(at.length + 8, 64));
    this.#pools = [...this.#pools, { ...pool, name: textOf(at), at, slabLength, home, parent: name }];
    return [at];
  }

  #wholeSlabs(pool: Pool, length: number, wanted: Block | undefined): Block | string {
    let refused = 'pool-exhausted';
    for (const at of wanted === undefined ? parts(pool.at, length) : [wanted]) {
      const busy = [...parts(at, pool.slabLength)].flatMap((slab) => {
        if (this.#slabOf(pool, slab) !== undefined) return 'overlap';
        return this.#reserved(pool, slab) ? 'reserved' : [];
      });
      const last = busy.at(-1);
      if (last === undefined) return at;
      if (wanted !== undefined) refused = last;
    }
    return refused;
  }

  remove(name: string): Answer {
    const pool = this.#named(name);
    if (pool === undefined) return 'not-found';
    if (this.#pools.some((child) => child.parent === name)) return 'has-children';
    const there = this.#in(pool, pool.at);
    if (there.some((item) => item.state !== 'quarantined') || (there.length > 0 && !pool.frozen)) return 'in-use';
    const gone = (one: { readonly pool: string; readonly at: Block }, backs: boolean): boolean =>
      one.pool === name || (one.pool === pool.parent && backs && holds(pool.at, one.at));
    this.#pools = this.#pools.filter((one) => one !== pool);
    this.#items = this.#items.filter((item) => !gone(item, item.state === 'delegated'));
    this.#slabs = this.#slabs.filter((slab) => !gone(slab, slab.delegated));
    this.#reservations = this.#reservations.filter((one) => one.pool !== name);
    return [];
  }

  resize(name: string, prefix: string): Answer {
    const pool = this.#named(name);
    if (pool === undefined) return 'not-found';
    const at = block(prefix);
    if (at.bits !== pool.at.bits) return 'family-mismatch';
    const grows = holds(at, pool.at);
    const fits = grows || holds(pool.at, at);
    if (pool.parent !== '' || same(at, pool.at) || !fits || at.length > pool.slabLength) return 'invalid';
    const isOwn = (one: Pool | undefined): boolean =>
      one !== undefined && (one === pool || isOwn(this.#named(one.parent)));
    if (grows && this.#pools.some((other) => !isOwn(other) && meet(other.at, at))) return 'overlap';
    const outside = (one: { readonly pool: string; readonly at: Block }): boolean =>
      one.pool === name && !holds(at, one.at);
    const children = this.#pools.filter((child) => child.parent === name).map((child) => ({ ...child, pool: name }));
    if ([...children, ...this.#items, ...this.#reservations].some(outside)) return 'below-use';
    this.#slabs = this.#slabs.filter((slab) => !outside(slab));
    this.#pools = this.#pools.map((one) => (one === pool ? { ...pool, at } : one));
    return [];
  }

  freeze(name: string, frozen: boolean): Answer {
    if (this.#named(name) === undefined) return 'not-found';
    this.#pools = this.#pools.map((pool) => (pool.name === name ? { ...pool, frozen } : pool));
    return [];
  }
}
