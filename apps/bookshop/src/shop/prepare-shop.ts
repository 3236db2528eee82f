import { createOutageLog, type Logger, untilItWorks } from 'commitcast/process'
import { sql, type Transaction } from 'kysely'
import { books } from '../catalogue/books.ts'
import type { Database } from '../database.ts'
import type { Shop } from '../shop.ts'
import { customers } from './customers.ts'

/**
 * Makes Commitcast's tables and the shop's, and fills the shelves of a new shop. Idempotent; processes may race. Waits until
 * the database is there, or the signal aborts.
 */
export async function prepareShop(
  shop: Shop,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): Promise<void> {
  const outages = createOutageLog({
    logger,
    began: 'the database is not ready; waiting',
    ended: 'the database is ready',
  })
  await untilItWorks(() => prepare(shop), { signal, onError: (error) => outages.failed(error) })
  outages.ended()
}

async function prepare({ cast, db }: Shop): Promise<void> {
  await cast.migrate()
  await db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('bookshop', 0))`.execute(trx)
    await makeTables(trx)
    await fillShelves(trx)
  })
}

async function makeTables(trx: Transaction<Database>): Promise<void> {
  await trx.schema
    .createTable('book')
    .ifNotExists()
    .addColumn('id', 'serial', (column) => column.primaryKey())
    .addColumn('title', 'text', (column) => column.notNull())
    .addColumn('author', 'text', (column) => column.notNull())
    .addColumn('publisher', 'text', (column) => column.notNull())
    .addColumn('year', 'integer', (column) => column.notNull())
    .addColumn('category', 'text', (column) => column.notNull())
    .addColumn('price_cents', 'integer', (column) => column.notNull())
    .execute()
  await trx.schema
    .createTable('customer')
    .ifNotExists()
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('city', 'text', (column) => column.notNull())
    .execute()
  await trx.schema
    .createTable('order')
    .ifNotExists()
    .addColumn('id', 'uuid', (column) => column.primaryKey())
    .addColumn('customer_id', 'text', (column) => column.notNull().references('customer.id'))
    .addColumn('book_id', 'integer', (column) => column.notNull().references('book.id'))
    .addColumn('quantity', 'integer', (column) => column.notNull())
    .addColumn('total_cents', 'integer', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('placed_at', 'timestamptz', (column) => column.notNull())
    .execute()
  await trx.schema.createIndex('order_placed_at').ifNotExists().on('order').column('placed_at').execute()
}

async function fillShelves(trx: Transaction<Database>): Promise<void> {
  const stocked = await trx.selectFrom('book').select('id').limit(1).executeTakeFirst()
  if (stocked) return
  const rows = books.map(({ priceCents, ...book }) => ({ ...book, price_cents: priceCents }))
  await trx.insertInto('book').values(rows).execute()
  await trx
    .insertInto('customer')
    .values([...customers])
    .execute()
}
