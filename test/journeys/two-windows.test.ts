import { startEverything } from '@commitcast/demo-app/start-everything'
import { expect, test } from 'vitest'
import { lastLines } from '../fixtures/last-lines.ts'
import { openBrowser } from '../fixtures/open-browser.ts'

test('an order placed in one window appears in the other, with the name of its customer, and moves on in both', async () => {
  const lines = lastLines()
  lines.tellOnFailure()
  const everything = await startEverything({ onLine: lines.add })
  try {
    await using browser = await openBrowser()
    const problems: string[] = []
    const [buyer, watcher] = await Promise.all(
      [1, 2].map(async () => {
        const page = await (await browser.window()).newPage()
        page.on('pageerror', (error) => problems.push(String(error)))
        page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
        await page.goto(everything.url)
        await page.locator('[role=status][data-status=live]').waitFor()
        return page
      }),
    )
    expect(await watcher!.locator('[data-order-id]').count()).toBe(0)

    await buyer!.getByLabel('Customer').selectOption('chiara')
    await buyer!.getByLabel('Book', { exact: true }).fill('Frankenstein')
    await buyer!.getByRole('radio', { name: /Frankenstein/ }).check()
    await buyer!.getByLabel('Quantity').fill('2')
    await buyer!.getByRole('button', { name: 'Place order' }).click()

    const row = watcher!.locator('[data-order-id]')
    await row.waitFor()
    expect(await row.textContent()).toMatch(/2 ×[\s\S]*Frankenstein[\s\S]*Chiara Penna/)
    expect(await row.getAttribute('data-status')).toBe('placed')

    for (const status of ['preparing', 'out for delivery', 'delivered']) {
      await watcher!.getByRole('button', { name: 'Move on' }).click()
      for (const page of [buyer!, watcher!]) await page.locator(`[data-order-id][data-status="${status}"]`).waitFor()
    }
    expect(await buyer!.locator('[data-order-id]').count()).toBe(1)
    expect(problems).toEqual([])
  } finally {
    await everything.stop()
  }
})

test('the page keeps its orders and goes on by itself after the API was killed and started again', async () => {
  const lines = lastLines()
  lines.tellOnFailure()
  const everything = await startEverything({ onLine: lines.add })
  try {
    await using browser = await openBrowser()
    const page = await (await browser.window()).newPage()
    await page.goto(everything.url)
    await page.locator('[role=status][data-status=live]').waitFor()
    await page.getByLabel('Customer').selectOption('ada')
    await page.getByRole('radio').first().check()
    await page.getByRole('button', { name: 'Place order' }).click()
    await page.locator('[data-order-id]').waitFor()

    await everything.restart('api')
    await page.locator('.badge:not([data-status=live])').waitFor()
    await page.locator('[role=status][data-status=live]').waitFor()
    await page.getByRole('button', { name: 'Move on' }).click()
    await page.locator('[data-order-id][data-status=preparing]').waitFor()
    expect(await page.locator('[data-order-id]').count()).toBe(1)
  } finally {
    await everything.stop()
  }
})
