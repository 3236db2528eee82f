import type { Sql } from '@commitcast/worker'
import type { Segment } from './segment.ts'
import { tryBriefly } from './try-briefly.ts'

/**
 * Closes a segment to writers for good, with a trigger that refuses them. Its lock waits for transactions that wrote to this
 * segment, prepared ones too, and for nothing else; so once it is closed, all of its events are committed and none will come.
 * False where such a transaction is still open.
 */
export function closeSegment(sql: Sql, schema: string, { table }: Segment): Promise<boolean> {
  return tryBriefly(
    sql,
    `lock table ${table} in share row exclusive mode;
     if not exists (select from pg_trigger where tgrelid = '${table}'::regclass and tgname = 'outbox_closed') then
       create trigger outbox_closed before insert on ${table} for each row execute function ${schema}.refuse_late();
     end if;`,
  )
}
