import type { Sql } from './sql.ts'

/**
 * One commit that waits for the disk, and for the synchronous standby where there is one, whatever the database's default
 * says: everything that was visible before it is durable after it.
 *
 * It writes a message to the log that is never read. A transaction that only drew its id has written nothing, and Postgres
 * lets its commit go without waiting.
 */
export async function flushWal(sql: Sql): Promise<void> {
  await sql.query(
    `select set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'commitcast', '')`,
  )
}
