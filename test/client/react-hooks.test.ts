import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { build, type Rolldown } from 'vite'
import { expect, test } from 'vitest'
import { openBrowser } from '../fixtures/open-browser.ts'
import { openBoard } from './open-board.ts'

declare const window: {
  readonly commits: { readonly frame: number; readonly notes: readonly string[]; readonly status: string }[]
}

test('a burst is rendered once per frame, with all of its events in order', async () => {
  await using board = await openBoard()
  await using pages = await openPages(board.address)
  const page = await pages.open()
  const texts = Array.from({ length: 2_000 }, (_, n) => `note ${n}`)
  for (let n = 0; n < texts.length; n += 50) await board.add(texts.slice(n, n + 50).map((text) => ({ key: 'k', text })))
  await page.locator('[data-count="2000"]').waitFor()
  expect(await page.locator('li').allTextContents()).toEqual(texts)
  const frames = await page.evaluate(() =>
    window.commits.filter(({ notes }) => notes.length > 0).map(({ frame }) => frame),
  )
  expect(frames).toEqual([...new Set(frames)])
  expect(frames.length).toBeLessThan(200)
  expect(await page.locator('main').getAttribute('data-lag')).toMatch(/^\d+$/)
})

test('another procedure is followed anew, also with the same input', async () => {
  await using board = await openBoard()
  await using pages = await openPages(board.address)
  const page = await pages.open()
  await board.add(['first', 'second'].map((text) => ({ key: 'k', text })))
  await page.locator('[data-count="2"]').waitFor()
  for (const shown of [
    ['second', 'first'],
    ['first', 'second'],
  ]) {
    await page.getByRole('button', { name: 'Reverse' }).click()
    await page.getByRole('listitem').first().filter({ hasText: shown[0]! }).waitFor()
    expect(await page.locator('li').allTextContents()).toEqual(shown)
  }
})

test('a mutation shows at once, settles with its event, and is taken back when it is refused', async () => {
  await using board = await openBoard()
  await using pages = await openPages(board.address)
  const [page, other] = [await pages.open(), await pages.open()]
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await page
    .getByRole('listitem')
    .filter({ hasText: /^mine$/ })
    .waitFor()
  await other
    .getByRole('listitem')
    .filter({ hasText: /^mine$/ })
    .waitFor()
  await page.getByText(/^[0-9a-f-]{36}$/).waitFor()
  await page.getByRole('button', { name: 'Add refused' }).click()
  await page.getByText('This note is refused.').waitFor()
  await page.locator('[data-count="1"]').waitFor()
  const shown = await page.evaluate(() => window.commits.map(({ notes }) => notes.join()))
  expect(shown.filter((notes, index) => notes !== shown[index - 1])).toEqual([
    '',
    'mine?',
    'mine',
    'mine,refused?',
    'mine',
  ])
})

test('the page says how it is connected, and goes on after a cut', async () => {
  await using board = await openBoard()
  await using pages = await openPages(board.address)
  const page = await pages.open()
  board.cut()
  await board.add([{ key: 'k', text: 'after the cut' }])
  await page.getByText('after the cut').waitFor()
  await page.locator('[data-status=live]').waitFor()
  expect(await page.evaluate(() => window.commits.map(({ status }) => status))).toContain('offline')
  expect(await page.locator('main').getAttribute('data-resyncs')).toBe('0')
})

test('what a reducer throws reaches the error boundary', async () => {
  await using board = await openBoard()
  await using pages = await openPages(board.address)
  const page = await pages.open()
  await board.add([{ key: 'k', text: 'broken' }])
  await page.getByRole('alert').waitFor()
  expect(await page.getByRole('alert').textContent()).toBe('The page can not show that.')
})

/** Serves the page of board-page.tsx, and windows that show it. */
async function openPages(board: string) {
  const script = await bundle()
  const http = createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(
      isScript ? script : '<!doctype html><div id="root"></div><script type="module" src="/page.js"></script>',
    )
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const browser = await openBrowser()
  return {
    /** Resolves when the page is live. */
    async open(): Promise<Page> {
      const page = await (await browser.window()).newPage()
      await page.goto(`http://127.0.0.1:${(http.address() as AddressInfo).port}/?board=${board}`)
      await page.locator('[data-status=live]').waitFor()
      return page
    },
    async [Symbol.asyncDispose]() {
      await browser[Symbol.asyncDispose]()
      http.close()
      http.closeAllConnections()
    },
  }
}

async function bundle(): Promise<string> {
  const [output] = (await build({
    configFile: false,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"development"' },
    build: {
      write: false,
      lib: { entry: fileURLToPath(new URL('board-page.tsx', import.meta.url)), formats: ['es'] },
    },
  })) as Rolldown.RolldownOutput[]
  return output!.output.map((part) => (part.type === 'chunk' ? part.code : '')).join('')
}
