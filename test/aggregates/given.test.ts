import { type CommandOf, createCommitcast, defineEvents } from 'commitcast'
import { given, memoryBroker } from 'commitcast/testing'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'

const events = defineEvents({
  'list.added': { data: z.object({ item: z.string().trim(), at: z.date().optional() }) },
  'list.cleared': { data: z.object({}) },
  'order.placed': { data: z.object({}) },
})
interface List {
  readonly items: string[]
}
const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: new pg.Pool() }) })
const evolve = {
  'list.added': (list: List, { data }: { data: { item: string } }) => ({ items: [...list.items, data.item] }),
  'list.cleared': () => ({ items: [] }),
}

/** A list whose reducers are these. Nothing connects. */
function listOf(other: Partial<typeof evolve> = {}, initial = (): List => ({ items: [] })) {
  const cast = createCommitcast({ app: 'lists', events, db, broker: memoryBroker() })
  return cast.aggregate('list', { initial, evolve: { ...evolve, ...other } })
}

const list = listOf()
const added = (item: string) => ({ type: 'list.added', data: { item } }) as const
const add =
  (item: string): CommandOf<typeof list> =>
  ({ items }) => {
    if (items.length >= 2) throw Object.assign(new Error('The list is full.'), { code: 'LIST_FULL' })
    return items.includes(item) ? undefined : added(item)
  }

describe('given, when, then', () => {
  test('compares what a command decides, and returns the state after it', async () => {
    expect(await given(list, added('a')).when(add('b')).thenAppends(added('b'))).toEqual({ items: ['a', 'b'] })
    expect(await given(list, added('a')).when(add('a')).thenNothing()).toEqual({ items: ['a'] })
    expect(await given(list, added('a'), added('b')).when(add('c')).thenThrows({ code: 'LIST_FULL' })).toEqual({
      items: ['a', 'b'],
    })
    await given(list, added('a'), added('b')).when(add('c')).thenThrows(/full/)
    await given(list, added('a'), added('b')).when(add('c')).thenThrows()
  })

  test('sees events as readers do: through the schema', async () => {
    expect(await given(list).when(add(' a ')).thenAppends(added('a'))).toEqual({ items: ['a'] })
    await expect(
      given(list, { type: 'list.added', data: { item: 5 as never } })
        .when(add('a'))
        .thenNothing(),
    ).rejects.toThrow(/data.item/)
  })

  test('fails where something else happens', async () => {
    const failed = { name: 'AssertionError' }
    await expect(given(list).when(add('a')).thenAppends(added('b'))).rejects.toMatchObject(failed)
    await expect(given(list).when(add('a')).thenAppends(added('a'), added('b'))).rejects.toMatchObject(failed)
    await expect(given(list).when(add('a')).thenNothing()).rejects.toMatchObject(failed)
    await expect(given(list).when(add('a')).thenThrows()).rejects.toMatchObject(failed)
    await expect(given(list, added('a')).when(add('a')).thenAppends(added('a'))).rejects.toMatchObject(failed)
    await expect(given(list, added('a'), added('b')).when(add('c')).thenAppends(added('c'))).rejects.toThrow('full')
    await expect(
      given(list, added('a'), added('b'))
        .when(add('c'))
        .thenThrows(/closed/),
    ).rejects.toThrow()
  })

  test('compares an id and headers where they are named', async () => {
    const named: CommandOf<typeof list> = () => ({ ...added('a'), headers: { actor: 'ada' } })
    await given(list).when(named).thenAppends(added('a'))
    await given(list)
      .when(named)
      .thenAppends({ ...added('a'), headers: { actor: 'ada' } })
    const other = given(list)
      .when(named)
      .thenAppends({ ...added('a'), headers: { actor: 'bob' } })
    await expect(other).rejects.toThrow(/ada/)
  })
})

describe('a test fails where', () => {
  test('a command changes the state by itself', async () => {
    const sneaky: CommandOf<typeof list> = (state) => {
      state.items.push('a')
      return undefined
    }
    await expect(given(list).when(sneaky).thenNothing()).rejects.toThrow(/The command, or a reducer, changed the state/)
  })

  test('a reducer changes the state that it was given', async () => {
    const changing = listOf({
      'list.added': (state, { data }) => {
        state.items.push(data.item)
        return state
      },
    })
    await expect(given(changing).when(add('a')).thenAppends(added('a'))).rejects.toThrow(/return another one/)
  })

  test('a reducer makes another state of the same events', async () => {
    let count = 0
    const counting = listOf({ 'list.added': () => ({ items: [`${count++}`] }) })
    await expect(given(counting).when(add('a')).thenAppends(added('a'))).rejects.toThrow(/reducers have to be pure/)
  })

  test('the state holds what no snapshot keeps', async () => {
    const kept = listOf({}, () => ({ items: [], size: () => 1 }))
    await expect(
      given(kept)
        .when(() => undefined)
        .thenNothing(),
    ).rejects.toMatchObject({ code: 'INVALID_VALUE' })
  })
})

/** Compiled, and not run. */
export function mistakes() {
  const cast = createCommitcast({ app: 'lists', events, db, broker: memoryBroker() })
  cast.aggregate('typo', {
    initial: () => ({ count: 0 }),
    // @ts-expect-error not in the catalogue
    evolve: { 'list.aded': (state) => state },
  })
  const counter = cast.aggregate('counter', {
    initial: () => ({ count: 0 }),
    evolve: {
      'list.added': (state, { data, version }) => ({ count: state.count + data.item.length + version }),
    },
  })
  cast.aggregate('wrong', {
    initial: () => ({ count: 0 }),
    // @ts-expect-error another state than the first one
    evolve: { 'list.cleared': () => ({ count: 'none' }) },
  })
  cast.aggregate('wrong', {
    initial: () => ({ count: 0 }),
    // @ts-expect-error no such field of the event
    evolve: { 'list.added': (state, { data }) => ({ count: state.count + data.count }) },
  })
  counter.execute(db, 'a', ({ count }) => ({ type: 'list.added', data: { item: count.toFixed() } }))
  // @ts-expect-error of the catalogue, and without a reducer here
  counter.execute(db, 'a', () => ({ type: 'list.cleared', data: {} }))
  // @ts-expect-error a number is no item
  counter.execute(db, 'a', () => ({ type: 'list.added', data: { item: 5 } }))
  // @ts-expect-error a command is synchronous
  counter.execute(db, 'a', async () => [])
  // @ts-expect-error a pool is none: each statement may run on another connection
  counter.append(new pg.Pool(), 'a', added('a'), { expectedVersion: 0 })
  // @ts-expect-error what it was decided by is missing
  db.transaction().execute((trx) => counter.append(trx, 'a', added('a'), {}))
  // @ts-expect-error without a reducer here
  given(counter, { type: 'list.cleared', data: {} })
  const nothing = given(counter).when(() => undefined)
  // @ts-expect-error without a reducer here
  nothing.thenAppends({ type: 'list.cleared', data: {} })
}
