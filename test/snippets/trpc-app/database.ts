import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

interface Tables {
  orders: { id: string; customerId: string; book: string; status: 'placed' | 'delivered'; placedAt: Date }
}

export const connectionString = process.env.DATABASE_URL ?? 'postgres://postgres:secret@127.0.0.1:5432/shop'
const pool = new pg.Pool({ connectionString })
export const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
