import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvents } from './define-events.ts'
import { NewerVersion, UnreadableEvent, UpcastFailed } from './errors.ts'
import { decodeEvent, type Message } from './message.ts'

interface V1 {
  readonly name: string
  readonly at: Date
}

const named = z.object({ first: z.string(), last: z.string(), at: z.date() })

const catalog = defineEvents({
  'customer.joined': {
    data: named,
    version: 3,
    upcast: {
      1: ({ name, at }: V1) => ({ names: name.split(' '), at }),
      2: ({ names, at }: { names: readonly string[]; at: Date }) => ({ first: names[0]!, last: names[1]!, at }),
    },
  },
  'customer.left': { data: z.null() },
})

function eventOf(type: string, { data = null, headers = {} }: { data?: unknown; headers?: Message['headers'] } = {}) {
  const message = { offset: 7, id: 'id-7', type, key: 'k', time: '2026-01-01T00:00:00Z', tx: '42', headers }
  return decodeEvent({ ...message, body: JSON.stringify(data) }, { epoch: 1, partition: 3 })
}

const notes = '{"values":{"at":["Date"]},"v":1}'
const at = new Date(0)

test('an old event goes through every step from its version on, with its dates restored, and says its new version', () => {
  const old = eventOf('customer.joined', { data: { name: 'Ada Lovelace', at }, headers: { notes, actor: 'web' } })
  expect(catalog.upcast(old)).toEqual({
    ...old,
    data: { first: 'Ada', last: 'Lovelace', at },
    headers: { time: '2026-01-01T00:00:00Z', actor: 'web', schemaVersion: 3 },
  })
  const later = eventOf('customer.joined', { data: { names: ['A', 'B'], at }, headers: { notes, version: '2' } })
  expect(catalog.upcast(later).data).toEqual({ first: 'A', last: 'B', at })
})

test.each([
  ['of the present version', eventOf('customer.joined', { headers: { version: '3' } })],
  ['of the present version, which is the first', eventOf('customer.left')],
  ['that says the first version', eventOf('customer.left', { headers: { version: '1' } })],
  ['of a type that is not in the catalogue', eventOf('order.placed', { headers: { version: '9' } })],
  ['whose type every object has', eventOf('toString')],
])('an event %s is returned as the very same object', (_, event) => {
  expect(catalog.upcast(event)).toBe(event)
})

test('an event is decoded with its version, and with none where it says none', () => {
  expect(eventOf('a', { headers: { version: '2' } }).headers.schemaVersion).toBe(2)
  expect(eventOf('a').headers).not.toHaveProperty('schemaVersion')
})

test('a version that is newer than the catalogue knows is refused, and the error says in which order to deploy', () => {
  const newer = eventOf('customer.joined', { headers: { version: '4' } })
  const error = errorOf(() => catalog.upcast(newer))
  expect(error).toBeInstanceOf(NewerVersion)
  expect(error).toMatchObject({ code: 'NEWER_VERSION', id: 'id-7', type: 'customer.joined', version: 4, known: 3 })
  expect(String(error)).toMatch(/id-7.*"customer.joined".*version 4.*up to 3.*readers before writers/s)
})

test.each(['0', '-1', '1.5', 'x', '', ' 2', '0x2', '99999999999999999999'])(
  'an event of the version %j is unreadable, of whatever type it is',
  (version) => {
    const error = errorOf(() => eventOf('order.placed', { headers: { version } }))
    expect(error).toBeInstanceOf(UnreadableEvent)
    expect(String(error)).toMatch(/id-7.*"order.placed".*has to be a whole number/s)
  },
)

test('a version that is none, in an event that no message was decoded to, is refused', () => {
  const event = eventOf('customer.joined')
  const error = errorOf(() => catalog.upcast({ ...event, headers: { ...event.headers, schemaVersion: Number.NaN } }))
  expect(error).toBeInstanceOf(UpcastFailed)
  expect(String(error)).toMatch(/id-7.*"customer.joined".*not a whole number/s)
})

test('the error of a step that throws has the event, the version and the cause', () => {
  const error = errorOf(() =>
    catalog.upcast(eventOf('customer.joined', { data: { names: null }, headers: { version: '2' } })),
  )
  expect(error).toBeInstanceOf(UpcastFailed)
  expect(error).toMatchObject({ code: 'UPCAST_FAILED', id: 'id-7', type: 'customer.joined', version: 2 })
  expect(error).toHaveProperty('cause', expect.any(TypeError))
  expect(String(error)).toMatch(/"customer.joined" from version 2 to 3 failed for event id-7: TypeError/)
})

const any = z.unknown()
const step = (data: unknown) => data

test('a missing step is refused at once, and by the compiler', () => {
  // @ts-expect-error -- upcast is missing
  expect(() => defineEvents({ a: { data: any, version: 2 } })).toThrow(/"a" is at version 2 .* from version 1 to 2/)
  // @ts-expect-error -- the step from 2 is missing
  expect(() => defineEvents({ a: { data: any, version: 3, upcast: { 1: step } } })).toThrow(/from version 2 to 3/)
  // @ts-expect-error -- the step from 1 is missing
  expect(() => defineEvents({ a: { data: any, version: 3, upcast: { 2: step } } })).toThrow(/from version 1 to 2/)
})

test('a step too many is refused at once, and by the compiler', () => {
  // @ts-expect-error -- the version is still 1
  expect(() => defineEvents({ a: { data: any, upcast: { 1: step } } })).toThrow(/from version 1, and its version is 1/)
  // @ts-expect-error -- the version is still 2
  expect(() => defineEvents({ a: { data: any, version: 2, upcast: { 1: step, 2: step } } })).toThrow(
    /raise the version/,
  )
  // @ts-expect-error -- no version is before 1
  expect(() => defineEvents({ a: { data: any, version: 2, upcast: { 0: step, 1: step } } })).toThrow(/from version 0/)
})

test('a version that is no whole number from 1 on is refused at once, and by the compiler', () => {
  // @ts-expect-error -- versions begin at 1
  expect(() => defineEvents({ a: { data: any, version: 0 } })).toThrow(/The version of "a" is 0/)
  // @ts-expect-error -- not whole
  expect(() => defineEvents({ a: { data: any, version: 1.5 } })).toThrow(/is 1.5/)
  // @ts-expect-error -- negative
  expect(() => defineEvents({ a: { data: any, version: -1 } })).toThrow(/is -1/)
})

test("the compiler refuses a step whose result the next one doesn't take, or the schema doesn't make", () => {
  const data = z.object({ n: z.number() })
  // @ts-expect-error -- the step from 2 takes a number
  defineEvents({ a: { data, version: 3, upcast: { 1: (n: string) => n, 2: (n: number) => ({ n }) } } })
  // @ts-expect-error -- the schema makes an object
  defineEvents({ a: { data, version: 2, upcast: { 1: (n: number) => n } } })
  // @ts-expect-error -- readers get what the schema makes, a number, not what it takes
  defineEvents({ a: { data: z.coerce.number(), version: 2, upcast: { 1: (n: string) => n } } })
  // @ts-expect-error -- steps are synchronous
  defineEvents({ a: { data, version: 2, upcast: { 1: async (n: number) => ({ n }) } } })
  defineEvents({ a: { data, version: 3, upcast: { 1: (n: string) => Number(n), 2: (n: number) => ({ n }) } } })
})

test('a version that only running code knows is left to the check at once', () => {
  const version: number = Number('2')
  expect(() => defineEvents({ a: { data: any, version, upcast: {} } })).toThrow(/from version 1 to 2/)
  expect(defineEvents({ a: { data: any, version, upcast: { 1: step } } }).definitions.a.version).toBe(2)
})

function errorOf(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}
