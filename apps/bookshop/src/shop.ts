import { type Commitcast, createCommitcast } from 'commitcast'
import { natsBroker } from 'commitcast/nats'
import { postgresBroker } from 'commitcast/postgres'
import { type Logger, variable } from 'commitcast/process'
import type { Kysely } from 'kysely'
import { channels } from './channels.ts'
import { type Database, openDatabase } from './database.ts'
import { events } from './events.ts'

/** The environment variables that every process of the shop reads. */
export const shopVariables = {
  DATABASE_URL: variable.url(['postgres', 'postgresql'], 'postgres://postgres:secret@127.0.0.1:5432/bookshop'),
  /** Without it Postgres is the broker, too. */
  NATS_URL: variable.url(['nats', 'tls'], 'nats://127.0.0.1:4222').optional(),
}

export interface ShopOptions {
  readonly DATABASE_URL: string
  readonly NATS_URL?: string | undefined
}

/** The shop's database, its event pipeline and what browsers see of it: what each process is composed of. */
export interface Shop {
  readonly db: Kysely<Database>
  readonly cast: Commitcast<typeof events, Database>
  readonly live: ReturnType<typeof defineLive>
  readonly logger: Logger
  close(): Promise<void>
}

/** Connects to nothing before it is used. */
export function openShop({ DATABASE_URL, NATS_URL }: ShopOptions, logger: Logger): Shop {
  const db = openDatabase(DATABASE_URL, {
    onError: (error) => logger.warn({ code: 'DATABASE_CONNECTION_LOST', err: error }, 'lost a database connection'),
  })
  const cast = createCommitcast({
    app: 'bookshop',
    events,
    db,
    broker: NATS_URL ? natsBroker({ servers: NATS_URL }) : postgresBroker({ connectionString: DATABASE_URL }),
    listenTo: DATABASE_URL,
    logger,
  })
  return {
    db,
    cast,
    live: defineLive(cast, db),
    logger,
    async close() {
      await cast.close()
      await db.destroy()
    },
  }
}

function defineLive(cast: Commitcast<typeof events, Database>, db: Kysely<Database>) {
  return cast
    .live({
      channels: ({ key, data }) => [channels.orders(), channels.order(key), channels.customer(data.customerId)],
    })
    .enrich('customer', { id: (event) => event.data.customerId, load: (ids) => customersById(db, ids) })
    .enrich('book', { id: (event) => event.data.bookId, load: (ids) => booksById(db, ids) })
}

async function customersById(db: Kysely<Database>, ids: readonly string[]) {
  const rows = await db.selectFrom('customer').select(['id', 'name', 'city']).where('id', 'in', ids).execute()
  return new Map(rows.map((row) => [row.id, { name: row.name, city: row.city }]))
}

async function booksById(db: Kysely<Database>, ids: readonly number[]) {
  const rows = await db.selectFrom('book').select(['id', 'title', 'author']).where('id', 'in', ids).execute()
  return new Map(rows.map((row) => [row.id, { title: row.title, author: row.author }]))
}
