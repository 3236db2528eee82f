import { db } from './database.ts'

await db.schema
  .createTable('orders')
  .addColumn('id', 'uuid', (column) => column.primaryKey())
  .addColumn('customerId', 'text', (column) => column.notNull())
  .addColumn('book', 'text', (column) => column.notNull())
  .addColumn('status', 'text', (column) => column.notNull())
  .addColumn('placedAt', 'timestamptz', (column) => column.notNull())
  .execute()
await db.destroy()
