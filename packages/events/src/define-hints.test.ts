import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { defineHints, type HintInputOf, type HintOf } from './define-hints.ts'

const hints = defineHints({ typing: z.object({ since: z.coerce.date() }), here: z.object({}) })

test('data is checked, and comes as its schema makes it', async () => {
  expect(await hints.validate('typing', { since: '1970-01-01' })).toEqual({ since: new Date(0) })
  await expect(hints.validate('typing', { since: 'never' })).rejects.toThrow(/"typing" .* data\.since: /)
  await expect(hints.validate('typing', { since: 'never' })).rejects.toMatchObject({ code: 'INVALID_HINT' })
})

test('a type that was not declared is refused with those that are', async () => {
  await expect(hints.validate('toString', {})).rejects.toThrow(/"toString" is not in the catalogue \(typing, here\)/)
})

test('types are distinguished, and data is typed', () => {
  type AnyHint = HintOf<typeof hints>
  expectTypeOf<AnyHint['type']>().toEqualTypeOf<'typing' | 'here'>()
  expectTypeOf<Extract<AnyHint, { type: 'typing' }>['data']>().toEqualTypeOf<{ since: Date }>()
  expectTypeOf<HintInputOf<typeof hints>>().not.toHaveProperty('id')
})
