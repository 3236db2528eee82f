import { newestMigration } from '../migrations/all-migrations.ts'
import type { SqlFunction } from './sql-function.ts'

export const migratedUpTo: SqlFunction = {
  signature: 'migrated_up_to()',
  sql: (s) => `
-- The newest migration. A dump without rows has lost the table that says so, and brings this along.
create or replace function ${s}.migrated_up_to() returns int language sql immutable as 'select ${newestMigration}';`,
}
