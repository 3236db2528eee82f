import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvents } from './define-events.ts'

const events = defineEvents({ 'order.placed': { data: z.object({ total: z.coerce.number().positive() }) } })

test('data is returned as its schema makes it', async () => {
  expect(await events.validate('order.placed', { total: '3' })).toEqual({ total: 3 })
})

test('the error of refused data has its path', async () => {
  await expect(events.validate('order.placed', { total: -1 })).rejects.toThrow(/"order.placed".*data\.total/)
})

test('the error of an unknown type lists those that are known, also when it is a name that every object has', async () => {
  await expect(events.validate('order.lost', {})).rejects.toThrow(
    /"order.lost" is not in the catalogue \(order.placed\)/,
  )
  await expect(events.validate('toString', {})).rejects.toThrow(/not in the catalogue/)
})

test.each(['', 'a..b', '.a', 'a b', 'a.*', 'a.>', 'ü', 'a'.repeat(201), 'commitcast.refused'])(
  'the type name %j is refused at once',
  (name) => {
    expect(() => defineEvents({ [name]: { data: z.null() } })).toThrow(/can't be used/)
  },
)
