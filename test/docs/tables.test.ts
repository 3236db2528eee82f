import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { root } from './pages.ts'

test('docs/tables.md lists every table and column with its type', async () => {
  await using database = await freshDatabase()
  const rows = await database.sql.query<{ relation: string; column: string; type: string }>(
    `select relname::text as relation, attname::text as "column", format_type(atttypid, null) as type
     from pg_attribute join pg_class on pg_class.oid = attrelid
     where relnamespace = 'commitcast'::regnamespace and relkind in ('r', 'p', 'm') and not relispartition
       and attnum > 0 and not attisdropped`,
  )
  const inDatabase = rows.map(({ relation, column, type }) => `${relation}.${column} ${shortType(type)}`)
  expect(columnsIn(readFileSync(join(root, 'docs/tables.md'), 'utf8')).sort()).toEqual(inDatabase.sort())
})

function shortType(type: string): string {
  return type === 'timestamp with time zone' ? 'timestamptz' : type
}

/** A table is named in bold code, its columns are the rows of the Markdown table after it. */
function columnsIn(page: string): string[] {
  const parts = page.split(/^\*\*`(\w+)`\*\*/m).slice(1)
  return parts.flatMap((text, index) =>
    index % 2 === 0
      ? []
      : [...text.matchAll(/^\| `(\w+)` +\| (\S+)/gm)].map(
          ([, column, type]) => `${parts[index - 1]}.${column} ${type}`,
        ),
  )
}
