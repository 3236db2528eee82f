import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { apiPages } from './api-pages.ts'
import { root } from './pages.ts'
import { readPublicApi } from './public-api.ts'

const api = readPublicApi()

test('docs/reference/api is what the docstrings say; npm run fix writes it anew', () => {
  const committed = globSync('docs/reference/api/*.md', { cwd: root }).map((path) => [
    path,
    readFileSync(join(root, path), 'utf8'),
  ])
  expect(Object.fromEntries(committed)).toEqual(Object.fromEntries(apiPages(api)))
})

test('every function and every class that an application can import has a docstring', () => {
  const values = api.entryPoints.flatMap(({ exports }) => exports).filter(({ symbol }) => symbol.valueDeclaration)
  expect(values.filter(({ doc }) => doc === '').map(({ name }) => name)).toEqual([])
})
