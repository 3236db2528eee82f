import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import type { BreaksOldEvents } from './breaks-old-events.ts'
import { defineEvents } from './define-events.ts'

const placed = z.object({ customer: z.string(), at: z.date() })
const old = defineEvents({ 'order.placed': { data: placed }, 'order.lost': { data: z.null() } })
const lost = { 'order.lost': { data: z.null() } } as const

type Placed = z.infer<typeof placed>

test('nothing breaks where the same catalogue, or one with more types, reads', () => {
  const more = defineEvents({ ...lost, 'order.placed': { data: placed }, 'order.packed': { data: z.null() } })
  expectTypeOf<BreaksOldEvents<typeof old, typeof old>>().toBeNever()
  expectTypeOf<BreaksOldEvents<typeof old, typeof more>>().toBeNever()
})

test('nothing breaks where a field is optional, wider or gone', () => {
  const optional = defineEvents({ ...lost, 'order.placed': { data: placed.extend({ note: z.string().optional() }) } })
  const wider = defineEvents({ ...lost, 'order.placed': { data: placed.extend({ customer: z.string().nullable() }) } })
  const fewer = defineEvents({ ...lost, 'order.placed': { data: placed.omit({ at: true }) } })
  expectTypeOf<BreaksOldEvents<typeof old, typeof optional>>().toBeNever()
  expectTypeOf<BreaksOldEvents<typeof old, typeof wider>>().toBeNever()
  expectTypeOf<BreaksOldEvents<typeof old, typeof fewer>>().toBeNever()
})

test('a type that is gone breaks', () => {
  const fewer = defineEvents({ 'order.placed': { data: placed } })
  const none = defineEvents({})
  expectTypeOf<BreaksOldEvents<typeof old, typeof fewer>>().toEqualTypeOf<'order.lost'>()
  expectTypeOf<BreaksOldEvents<typeof old, typeof none>>().toEqualTypeOf<'order.lost' | 'order.placed'>()
})

test('at the same version a field that is new, renamed, narrower or filled in by a default breaks', () => {
  const added = defineEvents({ ...lost, 'order.placed': { data: placed.extend({ total: z.number() }) } })
  const renamed = defineEvents({ ...lost, 'order.placed': { data: z.object({ name: z.string(), at: z.date() }) } })
  const narrower = defineEvents({ ...lost, 'order.placed': { data: placed.extend({ customer: z.enum(['ada']) }) } })
  const filled = defineEvents({ ...lost, 'order.placed': { data: placed.extend({ total: z.number().default(0) }) } })
  expectTypeOf<BreaksOldEvents<typeof old, typeof added>>().toEqualTypeOf<'order.placed'>()
  expectTypeOf<BreaksOldEvents<typeof old, typeof renamed>>().toEqualTypeOf<'order.placed'>()
  expectTypeOf<BreaksOldEvents<typeof old, typeof narrower>>().toEqualTypeOf<'order.placed'>()
  expectTypeOf<BreaksOldEvents<typeof old, typeof filled>>().toEqualTypeOf<'order.placed'>()
})

const total = placed.extend({ total: z.number() })

test('a newer version breaks nothing where its step takes the old data', () => {
  const stepped = defineEvents({
    ...lost,
    'order.placed': { data: total, version: 2, upcast: { 1: (data: Placed) => ({ ...data, total: 0 }) } },
  })
  const further = defineEvents({
    ...lost,
    'order.placed': {
      data: total,
      version: 3,
      upcast: { 1: ({ at }: Pick<Placed, 'at'>) => at, 2: (at: Date) => ({ at, customer: '', total: 0 }) },
    },
  })
  expectTypeOf<BreaksOldEvents<typeof old, typeof stepped>>().toBeNever()
  expectTypeOf<BreaksOldEvents<typeof old, typeof further>>().toBeNever()
  expectTypeOf<BreaksOldEvents<typeof stepped, typeof further>>().toEqualTypeOf<'order.placed'>()
})

test('a newer version breaks where its step takes something else, and so does an older one', () => {
  const stepped = defineEvents({
    ...lost,
    'order.placed': {
      data: total,
      version: 2,
      upcast: { 1: (customer: string) => ({ customer, at: new Date(), total: 0 }) },
    },
  })
  expectTypeOf<BreaksOldEvents<typeof old, typeof stepped>>().toEqualTypeOf<'order.placed'>()
  expectTypeOf<BreaksOldEvents<typeof stepped, typeof old>>().toEqualTypeOf<'order.placed'>()
})

test('a version that the compiler does not know breaks', () => {
  const version: number = 1
  const wide = defineEvents({ ...lost, 'order.placed': { data: placed, version } })
  expectTypeOf<BreaksOldEvents<typeof old, typeof wide>>().toEqualTypeOf<'order.placed'>()
})

test('a break does not compile, neither with expectTypeOf nor without it', () => {
  const fewer = defineEvents({ 'order.placed': { data: placed } })
  // @ts-expect-error -- "order.lost" is gone
  expectTypeOf<BreaksOldEvents<typeof old, typeof fewer>>().toBeNever()
  // @ts-expect-error -- "order.lost" is gone
  const broken: Record<BreaksOldEvents<typeof old, typeof fewer>, never> = {}
  const whole: Record<BreaksOldEvents<typeof old, typeof old>, never> = {}
  expectTypeOf(broken).not.toEqualTypeOf(whole)
})
