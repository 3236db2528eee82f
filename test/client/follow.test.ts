import { createLiveStore, type FollowStatus, follow, pageConnection } from '@commitcast/client'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type BoardClient, openBoard } from './open-board.ts'

describe.each(['WebSocket', 'SSE'] as const)('over %s', (over) => {
  test('follow hands each event over once, in order per key, however often the connection is cut', async () => {
    await using board = await openBoard()
    const client = board.client(over)
    const seen: { readonly key: string; readonly text: string }[] = []
    const statuses: FollowStatus[] = []
    const stop = follow(client.notes, undefined, {
      onEvent: ({ key, data }) => seen.push({ key, text: data.text }),
      onStatus: (status) => statuses.push(status),
    })
    await eventually(() => expect(statuses.at(-1)).toBe('live'))
    const all = Array.from({ length: 100 }, (_, n) => ({ key: `key ${n % 7}`, text: `note ${n}` }))
    for (const [n, note] of all.entries()) {
      await board.add([note])
      if (n % 6 === 0) board.cut()
    }
    await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(all.length))
    expect(byKey(seen)).toEqual(byKey(all))
    expect(statuses).toContain('offline')
    stop()
  })

  test('a subscription that is refused says so and stays away', async () => {
    await using board = await openBoard()
    board.refuse('FORBIDDEN')
    const seen: string[] = []
    const stop = follow(board.client(over).notes, undefined, {
      onStatus: (status) => seen.push(status),
      onError: (error) => seen.push(String((error as { data?: { code?: string } }).data?.code)),
    })
    await eventually(() => expect(seen.at(-1)).toBe('FORBIDDEN'))
    expect(seen.at(-2)).toBe('refused')
    stop()
  })

  test('a subscription that can not be taken right now comes back by itself and misses nothing', async () => {
    await using board = await openBoard()
    const seen: string[] = []
    const statuses: FollowStatus[] = []
    const stop = follow(board.client(over).notes, undefined, {
      onState: (notes) => seen.push(`state of ${notes.length}`),
      onEvent: ({ data }) => seen.push(data.text),
      onStatus: (status) => statuses.push(status),
    })
    await board.add([{ key: 'k', text: 'before' }])
    await eventually(() => expect(statuses.at(-1)).toBe('live'))
    const asked = board.asked()
    board.refuse('SERVICE_UNAVAILABLE')
    board.cut()
    await eventually(() => expect(board.asked()).toBeGreaterThan(asked + 1))
    await board.add([{ key: 'k', text: 'meanwhile' }])
    expect(statuses.at(-1)).toBe('offline')
    board.refuse()
    await eventually(() => expect(seen.at(-1)).toBe('meanwhile'))
    expect(seen.filter((text) => text.startsWith('state'))).toHaveLength(1)
    expect(statuses).not.toContain('refused')
    stop()
  })
})

test.each([1, 2, 3])(
  'a store shows what a command is expected to change until its event is there: never both, and never none (run %i)',
  async () => {
    await using board = await openBoard()
    const client = board.client('WebSocket')
    const store = openStore(client)
    const { shown, end } = record(store)
    await eventually(() => expect(store.view().status).toBe('live'))
    const answered: string[] = []
    for (let n = 0; n < 20; n++) {
      const text = `mine ${n}`
      const answer = store.optimistic({
        expect: (notes) => [...notes, `${text}?`],
        send: (context) => client.add.mutate({ id: text, text }, { context }),
      })
      if (n % 4 === 1) board.cut()
      await answer.then(
        () => answered.push(text),
        // Its connection was cut; whether it was done is told by its event.
        (error) => expect((error as { data?: unknown }).data).toBeUndefined(),
      )
    }
    expect(answered.length).toBeGreaterThanOrEqual(15)
    const settled = () => store.view().state?.filter((text) => answered.includes(text))
    await eventually(() => expect(settled()?.toSorted()).toEqual(answered.toSorted()))
    const told = shown.map((notes) => notes.map((text) => text.replace('?', '')))
    for (const notes of told) expect(notes).toEqual([...new Set(notes)])
    for (const text of answered) {
      const first = told.findIndex((notes) => notes.includes(text))
      expect(told.slice(first).filter((notes) => !notes.includes(text))).toEqual([])
    }
    end()
  },
)

test('what is expected of a refused command is taken back', async () => {
  await using board = await openBoard()
  const client = board.client('WebSocket')
  const store = openStore(client)
  const { shown, end } = record(store)
  await eventually(() => expect(store.view().status).toBe('live'))
  const answer = store.optimistic({
    expect: (notes) => [...notes, 'refused?'],
    send: (context) => client.add.mutate({ id: 'x', text: 'refused' }, { context }),
  })
  await expect(answer).rejects.toThrow('This note is refused.')
  await eventually(() => expect(store.view().state).toEqual([]))
  expect(shown.at(-1)).toEqual([])
  end()
})

test('the page is told how it is connected, and how late its events are', async () => {
  await using board = await openBoard()
  const store = openStore(board.client('WebSocket'))
  expect(pageConnection.current().status).toBe('idle')
  const { end } = record(store)
  await eventually(() => expect(pageConnection.current().status).toBe('live'))
  await board.add([{ key: 'k', text: 'one' }])
  await eventually(() => expect(pageConnection.current().lagMs).toBeGreaterThanOrEqual(0))
  board.cut()
  await eventually(() => expect(pageConnection.current().status).toBe('live'))
  end()
  expect(pageConnection.current().status).toBe('idle')
})

function byKey(notes: readonly { readonly key: string; readonly text: string }[]) {
  return Object.fromEntries(
    [0, 1, 2, 3, 4, 5, 6].map((n) => [n, notes.filter(({ key }) => key === `key ${n}`).map(({ text }) => text)]),
  )
}

function openStore(client: BoardClient) {
  return createLiveStore<BoardClient['notes']>(() => ({
    procedure: client.notes,
    input: undefined,
    reducers: { 'note.added': (notes, { data }) => [...notes, data.text] },
  }))
}

/** Keeps everything that a store showed, until it ends. */
function record(store: ReturnType<typeof openStore>) {
  const shown: (readonly string[])[] = []
  const end = store.subscribe(() => shown.push(store.view().state ?? []))
  return { shown, end }
}
