import { createCommitcast, defineEvents, type EventOf, trackChanges } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { type Kysely, sql, type Transaction } from 'kysely'
import { z } from 'zod'
import { connectionString, db as shop } from './shop-database.ts'

// #region events
const entry = z.object({ title: z.string() })
const events = defineEvents({
  'book.listed': { data: entry },
  'book.renamed': { data: entry },
  'book.withdrawn': { data: z.object({}) },
  // What is published of the read model.
  'entry.created': { data: entry },
  'entry.updated': { data: entry },
  'entry.deleted': { data: entry },
})
// #endregion events

export const db = shop.withTables<{ entries: { id: string; title: string; withdrawnAt: string | null } }>()
type Trx = Transaction<typeof db extends Kysely<infer TTables> ? TTables : never>
const broker = postgresBroker({ connectionString })
export const cast = createCommitcast({ app: 'shop', events, db, broker, listenTo: connectionString })

// #region projection
export const catalogue = cast.projection('catalogue', async (batch, trx) => {
  const changes = await trackChanges(
    batch.filter(isAboutBooks),
    {
      // Which rows an event may change, how they are read, and which of them count as gone.
      ids: (event) => [event.key],
      rows: (ids) => entriesById(trx, ids),
      isDeleted: (row) => row.withdrawnAt !== null,
    },
    () => keepEntries(trx, batch),
  )
  await cast.append(
    trx,
    changes.map(({ kind, id, row: { title }, cause }) => ({
      type: `entry.${kind}` as const,
      key: id,
      data: { title },
      headers: { causationId: cause.id },
    })),
  )
})
// #endregion projection

// #region rows
async function entriesById(trx: Trx, ids: readonly string[]) {
  const rows = await trx.selectFrom('entries').selectAll().where('id', 'in', ids).execute()
  return new Map(rows.map((row) => [row.id, row]))
}
// #endregion rows

// #region lock
/** Before the rows are read: other transactions that change rows with these ids wait until this one has ended. */
export async function lockEntries(trx: Trx, ids: readonly string[]) {
  await sql`select pg_advisory_xact_lock(hashtextextended('entries.' || id, 0)) from unnest(${ids}::text[]) as id order by id`.execute(
    trx,
  )
}
// #endregion lock

function isAboutBooks(event: EventOf<typeof events>) {
  return event.type.startsWith('book.')
}

async function keepEntries(trx: Trx, batch: readonly EventOf<typeof events>[]) {
  for (const { type, key: id, data, headers } of batch) {
    if (type === 'book.listed') {
      await trx.insertInto('entries').values({ id, title: data.title, withdrawnAt: null }).execute()
    }
    if (type === 'book.renamed') {
      await trx.updateTable('entries').set({ title: data.title }).where('id', '=', id).execute()
    }
    if (type === 'book.withdrawn') {
      await trx.updateTable('entries').set({ withdrawnAt: headers.time }).where('id', '=', id).execute()
    }
  }
}
