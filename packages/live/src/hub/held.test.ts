import { expect, test } from 'vitest'
import { createHeld } from './held.ts'

/** Items of ten bytes each that say how often they were read. */
function open(maxBytes: number) {
  const held = createHeld<{ readonly name: string }>({ maxBytes, reservedBytes: 10 })
  const reads: string[] = []
  const get = (name: string) =>
    held.get(name, {
      async read() {
        reads.push(name)
        return { name }
      },
      bytesOf: () => 10,
    })
  return { held, reads, get }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('an item is read once for all who hold it, and kept for those who come later', async () => {
  const { held, reads, get } = open(20)
  const both = await Promise.all([get('a'), get('a')])
  for (const item of both) held.release(item)
  expect(await get('a')).toBe(both[0])
  expect(reads).toEqual(['a'])
})

test('what is held counts: the next reading waits until something was released', async () => {
  const { held, reads, get } = open(20)
  const [a, b] = await Promise.all([get('a'), get('b')])
  const c = get('c')
  await settled()
  expect(reads).toEqual(['a', 'b'])
  held.release(b)
  held.release(await c)
  expect(reads).toEqual(['a', 'b', 'c'])
  expect(await get('a')).toBe(a)
})

test('one item can always be read, however small the bound is', async () => {
  const { held, reads, get } = open(1)
  for (const name of ['a', 'b', 'a']) held.release(await get(name))
  expect(reads).toEqual(['a', 'b', 'a'])
})

test('a reading that fails is told to all who asked, and the next one reads again', async () => {
  const held = createHeld<object>({ maxBytes: 20, reservedBytes: 10 })
  let tries = 0
  const reading = {
    async read() {
      if (++tries === 1) throw new Error('away')
      return {}
    },
    bytesOf: () => 10,
  }
  const outcomes = await Promise.allSettled([held.get('a', reading), held.get('a', reading)])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await held.get('a', reading)
  expect(tries).toBe(2)
})
