import { expect, test } from 'vitest'
import { isVisible, parseSnapshot } from './snapshot.ts'

test('a transaction is visible if it had ended when the snapshot was taken', () => {
  const snapshot = parseSnapshot('10:15:10,13')!
  const seen = [9n, 10n, 11n, 12n, 13n, 14n, 15n, 16n].filter((tx) => isVisible(tx, snapshot))
  expect(seen).toEqual([9n, 11n, 12n, 14n])
})

test('a snapshot without running transactions shows everything before its end', () => {
  const snapshot = parseSnapshot('10:10:')!
  expect([isVisible(9n, snapshot), isVisible(10n, snapshot)]).toEqual([true, false])
})

test.each(['', '1:2', 'a:b:c', '1:2:3,', '1:2:;'])('%j is no snapshot', (text) => {
  expect(parseSnapshot(text)).toBeUndefined()
})
