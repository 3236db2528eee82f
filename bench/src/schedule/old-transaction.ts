import type { Outbox } from '../open-outbox.ts'

/** A transaction with a snapshot and an id that does nothing, so that no deleted row can be removed; until the block ends. */
export async function openOldTransaction({ pool }: Outbox): Promise<AsyncDisposable> {
  const client = await pool.connect()
  await client.query('begin isolation level repeatable read')
  await client.query('select pg_current_xact_id()')
  return {
    async [Symbol.asyncDispose]() {
      await client.query('rollback')
      client.release()
    },
  }
}
