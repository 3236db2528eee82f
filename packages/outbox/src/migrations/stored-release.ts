import { release } from '../release.ts'
import { allMigrations } from './all-migrations.ts'

const versions = allMigrations.map(({ version }) => version).join()

/** SQL that is true where the tables are newer than this release: it would undo what they need. Needs the table `schema_release`. */
export function isNewer(s: string): string {
  return `(exists (select from ${s}.migration where version not in (${versions}))
    or exists (select from ${s}.schema_release as stored where ${numbers('stored.version')} > ${numbers(`'${release}'`)}))`
}

/** SQL that is true where this release needs what the tables have not got yet. Needs the table `schema_release`. */
export function isOlder(s: string): string {
  return `(exists (select from unnest(array[${versions}]) as needed where needed not in (select version from ${s}.migration))
    or not exists (select from ${s}.schema_release as stored where ${numbers('stored.version')} >= ${numbers(`'${release}'`)}))`
}

/** What follows a hyphen does not count. */
function numbers(version: string): string {
  return `string_to_array(split_part(${version}, '-', 1), '.')::int[]`
}
