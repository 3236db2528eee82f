import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openPurchases } from '../process/open-purchases.ts'
import { runCommitcast } from './run-commitcast.ts'

test('an operator sees why an instance waits, and retries its parked events', async () => {
  const failing = { isOn: true }
  await using shop = await openPurchases({ failing, onFailure: { type: 'park', retryForMs: 0 } })
  shop.run()
  await shop.request('p1')
  await shop.request('p2')
  await shop.append({ type: 'stock.refused', key: 'p2', data: { purchaseId: 'p2' } })
  await shop.become({ p1: 'reserving', p2: 'failed' })
  const command = async (...args: readonly string[]) => runCommitcast(['process', ...args], { DATABASE_URL: shop.url })

  const list = await command('list', 'purchase')
  expect(list.stdout).toMatch(/^process +instance +status +since +waits for$/m)
  expect(list.stdout).toMatch(/^purchase +p1 +reserving +20\S+Z +an event, or its time-out patience at 20\S+Z$/m)
  expect(list.stdout).toMatch(/^purchase +p2 +failed +20\S+Z +nothing: it has finished$/m)
  const running = await command('list', '--running', '--json')
  expect(JSON.parse(running.stdout)).toMatchObject({ instances: [{ instance: 'p1', parked: 0 }], hasMore: false })

  await shop.append({ type: 'stock.reserved', key: 'book 1', data: { purchaseId: 'p1', isBad: true } })
  await eventually(async () => expect((await command('list', '--parked')).stdout).toMatch(/p1 .* 1 parked event$/m))
  expect((await command('list', '--status', 'paying')).stdout).toBe('There is no such instance.\n')

  failing.isOn = false
  expect(await command('retry', 'purchase', 'p1')).toEqual({
    ...{ code: 0, stderr: '', stdout: '1 event of "p1" will be tried again.\n' },
  })
  await shop.become({ p1: 'paying', p2: 'failed' })
  const shown = await command('show', 'purchase', 'p1')
  expect(shown.stdout).toMatch(/^status +paying, since 20/m)
  expect(shown.stdout).toMatch(/^time-outs +patience at 20/m)
  expect(shown.stdout).toMatch(
    /purchase\.requested +none → reserving +stock\.wanted stock of p1, patience: in 60000 ms/,
  )
  expect(shown.stdout).toMatch(/stock\.reserved +reserving → paying/)
  const json = JSON.parse((await command('show', 'purchase', 'p2', '--json')).stdout)
  expect(json).toMatchObject({ status: 'failed', state: { reason: 'out of stock' }, taken: 2, ignored: 0 })
})

test('what is not there is an error that says where to look', async () => {
  await using shop = await openPurchases()
  const command = (...args: readonly string[]) => runCommitcast(['process', ...args], { DATABASE_URL: shop.url })
  const unknown = await command('show', 'purchase', 'p9')
  expect(unknown).toMatchObject({ code: 1, stdout: '' })
  expect(unknown.stderr).toContain('There is no instance "p9" of a process "purchase". See "commitcast process list".')
  expect((await command('retry', 'purchase', 'p9')).stderr).toContain('No event of the instance "p9"')
})
