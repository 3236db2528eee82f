/** What of an event decides about metadata, channels and what follows from it. */
export interface StoryEvent {
  readonly key: string
  readonly n: number
}

/** The key of events that nobody can read. */
export const poisonKey = 'poison'

/** Whom a key belongs to; not everybody is in the table. */
export function ownerIdOf({ key }: StoryEvent): string {
  return key.replace(/-\d+$/, '')
}

/** Some events need no tint, and those of purchases, which have no number; some tints are not in the table. */
export function tintIdOf({ n }: StoryEvent): number | undefined {
  return n % 7 > 0 ? n % 100 : undefined
}

/** Nobody follows some events. */
export function channelsOf({ key, n }: StoryEvent): readonly string[] {
  if (n % 13 === 0) return []
  return n % 5 === 0 ? [`key:${key}`, 'every fifth'] : [`key:${key}`]
}

/** Whether the projection appends an event of its own for this one. */
export function isCause({ type, n }: { readonly type: string; readonly n: number }): boolean {
  return type === 'thing.happened' && n % 20 === 0
}

/** The tables of look-ups, which never change, and of the projection. */
export const readSideTables = `
  create table torture.owner (id text primary key, rank int not null);
  insert into torture.owner select 'w' || w || 'c' || c, 10 * w + c
    from generate_series(0, 2) as w cross join generate_series(0, 6) as c;
  insert into torture.owner values ('hot', 100);
  create table torture.tint (id int primary key, name text not null);
  insert into torture.tint select i, 'tint ' || i from generate_series(0, 99) as i where i % 10 <> 9;
  create table torture.chain (key text primary key, count int not null, n int not null, chain text not null);
  create table torture.derived (cause uuid not null, id uuid not null);`
