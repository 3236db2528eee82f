import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InvalidConfig } from 'commitcast/process'

/** The folder of the built pages. Throws `InvalidConfig` when they were not built. */
export function findPages(folder = join(import.meta.dirname, '../dist')): string {
  if (existsSync(join(folder, 'index.html'))) return folder
  throw new InvalidConfig(
    `The pages are not built, there is no ${folder}/index.html: run \`npm run build\` in apps/web.`,
  )
}
