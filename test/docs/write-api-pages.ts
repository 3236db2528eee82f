// Writes docs/reference/api anew; part of `npm run fix`.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiPages } from './api-pages.ts'
import { root } from './pages.ts'
import { readPublicApi } from './public-api.ts'

const folder = join(root, 'docs/reference/api')
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
for (const [path, text] of apiPages(readPublicApi())) writeFileSync(join(root, path), text)
