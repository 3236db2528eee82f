import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { defineEvents } from './define-events.ts'
import type { Erased } from './erased.ts'
import { InvalidEvent } from './errors.ts'
import type { EventDataOf } from './event-catalog.ts'

const customer = z.object({
  customerId: z.string(),
  name: z.string(),
  email: z.string().optional(),
  address: z.object({ street: z.string(), city: z.string() }).optional(),
})

test('a personal field is read as its type or erased, and a field beside it as its type', () => {
  const events = defineEvents({
    'customer.registered': {
      data: customer,
      personal: { name: 'customerId', email: 'customerId', 'address.street': 'customerId' },
    },
    'customer.left': { data: z.object({ customerId: z.string() }) },
  })
  type Data = EventDataOf<typeof events, 'customer.registered'>
  expectTypeOf<Data['customerId']>().toEqualTypeOf<string>()
  expectTypeOf<Data['name']>().toEqualTypeOf<string | Erased>()
  expectTypeOf<Data['email']>().toEqualTypeOf<string | Erased | undefined>()
  expectTypeOf<NonNullable<Data['address']>['street']>().toEqualTypeOf<string | Erased>()
  expectTypeOf<NonNullable<Data['address']>['city']>().toEqualTypeOf<string>()
  expectTypeOf<EventDataOf<typeof events, 'customer.left'>>().toEqualTypeOf<{ customerId: string }>()
})

test('a field that the data does not have, and a subject that is no id, do not compile', () => {
  // @ts-expect-error It has no "phone".
  defineEvents({ 'customer.registered': { data: customer, personal: { phone: 'customerId' } } })
  // @ts-expect-error An address is no id.
  defineEvents({ 'customer.registered': { data: customer, personal: { name: 'address' } } })
  // @ts-expect-error It has no "id".
  defineEvents({ 'customer.registered': { data: customer, personal: { name: 'id' } } })
})

test('two subjects may share an event', () => {
  const sent = z.object({ from: z.number(), to: z.number(), sender: z.string(), receiver: z.string() })
  const events = defineEvents({ 'message.sent': { data: sent, personal: { sender: 'from', receiver: 'to' } } })
  expectTypeOf<EventDataOf<typeof events, 'message.sent'>['receiver']>().toEqualTypeOf<string | Erased>()
})

test('an upcast step may return what was erased', () => {
  const events = defineEvents({
    'customer.registered': {
      data: z.object({ id: z.string(), fullName: z.string() }),
      version: 2,
      upcast: { 1: ({ id, name }: { id: string; name: string | Erased }) => ({ id, fullName: name }) },
      personal: { fullName: 'id' },
    },
  })
  expectTypeOf<EventDataOf<typeof events, 'customer.registered'>['fullName']>().toEqualTypeOf<string | Erased>()
})

test('a personal field within another, and a subject that is personal, are refused', () => {
  const nested = { address: 'customerId', 'address.street': 'customerId' } as const
  expect(() => defineEvents({ 'customer.registered': { data: customer, personal: nested } })).toThrow(InvalidEvent)
  const own = { customerId: 'customerId' } as const
  expect(() => defineEvents({ 'customer.registered': { data: customer, personal: own } })).toThrow(
    '"customerId" of "customer.registered" is part of the personal field "customerId"',
  )
})
