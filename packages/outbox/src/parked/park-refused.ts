import type { Sql } from '@commitcast/worker'
import { noteParked } from './parked-history.ts'

export interface RefusedAt {
  readonly sql: Sql
  readonly schema: string
  readonly epoch: number
  readonly partition: number
  /** The relay's lease of the partition. One of an older term parks nothing. */
  readonly term: bigint
}

/**
 * `parked`: noted and parked, durably. `noted before`: its offset is a placeholder's already, nothing was changed.
 * `lease lost`: another relay has the partition, nothing was changed.
 */
export type ParkOutcome = 'parked' | 'noted before' | 'lease lost'

/**
 * Gives up on an event that the broker refuses: notes its offset, so that every reading of the page log has a placeholder
 * there from now on, and parks a copy of the event for an operator. Both or neither, in one commit that waits for the disk.
 */
export async function parkRefused(
  at: RefusedAt,
  { offset, message }: { readonly offset: number; readonly message: string },
): Promise<ParkOutcome> {
  const [row] = await at.sql.query<{ outcome: ParkOutcome }>(
    `select ${at.schema}.park_refused($1, $2, $3, $4, $5) as outcome`,
    [at.epoch, at.partition, offset, at.term.toString(), message.slice(0, maxReason)],
  )
  return row!.outcome
}

const maxReason = 2_000

/** The function behind `parkRefused`. Whoever takes the lease over waits for this commit, as for that of a page. */
export function parkRefusedFunction(s: string): string {
  return `
create or replace function ${s}.park_refused(of_epoch int, of_partition smallint, of_offset bigint, of_term bigint, of_reason text)
returns text language plpgsql volatile as $$
begin
  perform set_config('synchronous_commit', 'on', true);
  perform from ${s}.lease where grp = 'relay' and partition = of_partition and term = of_term for share;
  if not found then return 'lease lost'; end if;
  insert into ${s}.refused (epoch, partition, "offset") values (of_epoch, of_partition, of_offset) on conflict do nothing;
  if not found then return 'noted before'; end if;
  with event as (
    insert into ${s}.parked (grp, epoch, partition, "offset", event_id, type, key, data, headers, occurred_at, reason)
    select 'relay', epoch, partition, place, id::uuid, type, key, body::json, headers::json, occurred::timestamptz, of_reason
    from ${s}.read_pages(of_epoch, of_partition, of_offset - 1, 1) where place = of_offset returning *
  ) ${noteParked(s, 'parked', { rows: 'event' })};
  if not found then
    raise exception 'Offset % of partition % was never given.', of_offset, of_partition using errcode = 'no_data_found';
  end if;
  return 'parked';
end $$;`
}

/**
 * Takes a note back: the broker has the event after all, stored by an earlier owner of the partition whom it did not
 * refuse. Where an operator has not handled the copy yet, it goes, too.
 */
export async function unparkStored(at: Omit<RefusedAt, 'term'>, offsets: readonly number[]): Promise<void> {
  await at.sql.query(
    `with noted as (
       delete from ${at.schema}.refused where epoch = $1 and partition = $2 and "offset" = any($3::bigint[]))
     delete from ${at.schema}.parked where grp = 'relay' and epoch = $1 and partition = $2 and "offset" = any($3::bigint[])`,
    [at.epoch, at.partition, offsets],
  )
}
