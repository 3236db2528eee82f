import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createDatabase } from '@commitcast/servers'
import { expect, inject, test, vi } from 'vitest'
import { fencePattern, pages, root, snippetText } from './pages.ts'

/** A package for those who write tests here, and pages that api-pages.test.ts compares with the sources. */
const mayShowAnyCode = /^(packages\/servers\/README|docs\/reference\/api\/.*)\.md$/

test.each(pages)('%s quotes its snippets as they are', (page) => {
  const quoted = fencesOf(page).filter(({ snippet }) => snippet !== undefined)
  expect(quoted.map(({ code }) => code)).toEqual(quoted.map(({ snippet }) => snippetText(snippet!)))
})

test.each(pages.filter((page) => !mayShowAnyCode.test(page)))('%s shows no TypeScript that nobody checks', (page) => {
  const unchecked = fencesOf(page).filter(({ language, snippet }) => /^tsx?$/.test(language) && snippet === undefined)
  expect(unchecked).toEqual([])
})

test.each(pages)('%s links to files that are there', (page) => {
  expect(linksOf(page).filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([])
})

test("the README's sample does what it says", async () => {
  await using database = await createDatabase(inject('postgresUrl'))
  vi.stubEnv('DATABASE_URL', database.url)
  const { cast, placeOrder, router, work } = await import('../snippets/day-one.ts')
  const { db } = await import('../snippets/shop-database.ts')
  const stopping = new AbortController()
  try {
    await makeTables(db.schema)
    await db.insertInto('books').values({ id: 1, title: 'Emma' }).execute()
    await cast.migrate()
    await placeOrder('first', 'ada', 1)
    const working = work(stopping.signal)
    const ada = router.createCaller({ customerId: 'ada' }, { signal: stopping.signal })
    const seen: unknown[] = []
    for await (const envelope of envelopes(await ada.orders({ customerId: 'ada' }))) {
      seen.push(envelope)
      if (envelope.kind === 'live') await placeOrder('second', 'ada', 1)
      if (envelope.kind === 'event') break
    }
    expect(seen).toMatchObject([
      { kind: 'state', state: [{ id: 'first', status: 'placed', title: 'Emma' }] },
      { kind: 'live' },
      { kind: 'event', event: { type: 'order.placed', key: 'second', metadata: { book: { id: 1, title: 'Emma' } } } },
    ])
    const others = envelopes(await ada.orders({ customerId: 'bruno' }))
    await expect(others.next()).rejects.toThrow('You may not follow this.')
    stopping.abort()
    await working
  } finally {
    stopping.abort()
    await cast.close()
    await db.destroy()
    vi.unstubAllEnvs()
  }
})

interface Fence {
  readonly language: string
  readonly code: string
  /** `path` or `path#region`, from the comment before the fence. */
  readonly snippet: string | undefined
}

function fencesOf(page: string): Fence[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(fencePattern)].map(([, snippet, language = '', code = '']) => ({
    snippet,
    language,
    code: code.trim(),
  }))
}

function linksOf(page: string): string[] {
  const prose = readFileSync(join(root, page), 'utf8').replace(/^```.*?^```$/gms, '')
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target.split('#')[0]!)
  return targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target))
}

async function makeTables(schema: typeof import('../snippets/shop-database.ts').db.schema): Promise<void> {
  await schema
    .createTable('books')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('title', 'text', (column) => column.notNull())
    .execute()
  await schema
    .createTable('orders')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('customerId', 'text', (column) => column.notNull())
    .addColumn('bookId', 'integer', (column) => column.references('books.id'))
    .addColumn('status', 'text', (column) => column.notNull())
    .execute()
}

/** Called in the same process, a subscription yields [cursor, envelope]; its type says what a client makes of that. */
async function* envelopes<T>(stream: AsyncIterable<{ readonly data: T }>): AsyncGenerator<T> {
  for await (const tracked of stream as AsyncIterable<unknown>) yield (tracked as readonly [string, T])[1]
}
