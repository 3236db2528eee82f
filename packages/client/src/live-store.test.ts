import type { Envelope } from '@commitcast/events'
import { expect, test, vi } from 'vitest'
import type { Callbacks } from './live-procedure.ts'
import { createLiveStore, type LiveStore } from './live-store.ts'
import { reduce } from './reducers.ts'

interface Added {
  readonly type: 'added'
  readonly id: string
  readonly data: string
  readonly headers: { readonly time: string; readonly causationId?: string }
  readonly epoch: number
  readonly partition: number
  readonly offset: number
}

/** A subscription to a list of texts, sent from here. */
function openList(check: (data: string) => void = () => {}) {
  let callbacks: Callbacks<Envelope<Added, readonly string[]>> | undefined
  let offset = 0
  let isFollowed = false
  const procedure = {
    subscribe(_input: undefined, given: Callbacks<Envelope<Added, readonly string[]>>) {
      callbacks = given
      isFollowed = true
      return {
        unsubscribe() {
          isFollowed = false
        },
      }
    },
  }
  const send = (data: Envelope<Added, readonly string[]>) => callbacks!.onData({ id: `${++offset}`, data })
  const reducers = {
    added(list: readonly string[], { data }: Added) {
      check(data)
      return [...list, data]
    },
  }
  return {
    store: createLiveStore<typeof procedure>(() => ({ procedure, input: undefined, reducers })),
    isFollowed: () => isFollowed,
    state: (...state: string[]) => send({ kind: 'state', state }),
    add(data: string, causationId?: string) {
      const headers = { time: new Date().toISOString(), ...(causationId !== undefined && { causationId }) }
      const place = { epoch: 1, partition: 0, offset: offset + 1 }
      send({ kind: 'event', event: { type: 'added', id: `e-${data}`, data, headers, ...place } })
    },
  }
}

/** Resolves at each change of the store with what it shows. */
function watch<TState>(store: LiveStore<TState>) {
  const shown: (TState | undefined)[] = []
  let wake: (() => void) | undefined
  const end = store.subscribe(() => {
    shown.push(store.view().state)
    wake?.()
  })
  const change = () => new Promise<void>((resolve) => (wake = resolve))
  return { shown, change, end }
}

test('a burst of events is one change, with all of them in order', async () => {
  const list = openList()
  const { shown, change, end } = watch(list.store)
  list.state('a')
  for (let n = 0; n < 1_000; n++) list.add(String(n))
  await change()
  expect(shown).toEqual([['a', ...Array.from({ length: 1_000 }, (_, n) => String(n))]])
  end()
})

test('an expected change shows until the event of its command is there, and never beside it', async () => {
  const list = openList()
  const { shown, change, end } = watch(list.store)
  list.state('a')
  await change()
  const command = sendLater()
  const answer = list.store.optimistic({ expect: (all) => [...all, 'mine?'], send: command.send })
  await change()
  list.add('b')
  await change()
  command.answer('ok')
  list.add('mine', command.ids().id)
  await change()
  expect(await answer).toBe('ok')
  expect(shown).toEqual([['a'], ['a', 'mine?'], ['a', 'b', 'mine?'], ['a', 'b', 'mine']])
  expect(command.ids()).toEqual({ id: expect.any(String) })
  end()
})

test('a command names the newest event that the screen showed', async () => {
  const list = openList()
  const { change, end } = watch(list.store)
  list.state()
  list.add('b')
  await change()
  const command = sendLater()
  list.store.optimistic({ expect: (all) => all, send: command.send })
  expect(command.ids()).toMatchObject({ causationId: 'e-b' })
  end()
})

test('an expected change is taken back where the command fails', async () => {
  const list = openList()
  const { shown, change, end } = watch(list.store)
  list.state('a')
  await change()
  const command = sendLater()
  const answer = list.store.optimistic({ expect: (all) => [...all, 'mine?'], send: command.send })
  await change()
  command.fail(new Error('out of stock'))
  await expect(answer).rejects.toThrow('out of stock')
  await change()
  expect(shown).toEqual([['a'], ['a', 'mine?'], ['a']])
  end()
})

test('an expected change is taken back where no event comes after the answer', async () => {
  const list = openList()
  const { shown, change, end } = watch(list.store)
  list.state('a')
  await change()
  const expected = { expect: (all: readonly string[]) => [...all, 'mine?'], send: async () => 'ok', timeoutMs: 300 }
  expect(await list.store.optimistic(expected)).toBe('ok')
  await change()
  await change()
  expect(shown).toEqual([['a'], ['a', 'mine?'], ['a']])
  end()
})

test('a new state stands for what was answered before it came, and for what is answered after it', async () => {
  const list = openList()
  const { change, end } = watch(list.store)
  list.state('a')
  const [before, after] = [sendLater(), sendLater()]
  const first = list.store.optimistic({ expect: (all) => [...all, 'first?'], send: before.send })
  const second = list.store.optimistic({ expect: (all) => [...all, 'second?'], send: after.send })
  before.answer('ok')
  await first
  list.state('a', 'first')
  await change()
  expect(list.store.view().state).toEqual(['a', 'first', 'second?'])
  after.answer('ok')
  await second
  await change()
  expect(list.store.view().state).toEqual(['a', 'first'])
  end()
})

test('what a reducer throws is thrown to whoever reads the view, and nothing is followed any more', async () => {
  const list = openList((data) => {
    if (data === 'bad') throw new Error('can not add that')
  })
  let changed: (() => void) | undefined
  const change = new Promise<void>((resolve) => (changed = resolve))
  const end = list.store.subscribe(() => changed?.())
  list.state('a')
  expect(list.isFollowed()).toBe(true)
  list.add('bad')
  await change
  expect(() => list.store.view()).toThrow('can not add that')
  expect(list.isFollowed()).toBe(false)
  end()
})

function sendLater() {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let given: { readonly id?: string } = {}
  return {
    send(context: { readonly command: { readonly id?: string } }) {
      given = context.command
      return promise
    },
    ids: () => given,
    answer: resolve,
    fail: reject,
  }
}

test.each(['toString', 'constructor', '__proto__', 'hasOwnProperty'])(
  'an event type without a reducer leaves the state as it is, also one called %s',
  (type) => {
    const state = { count: 1 }
    expect(reduce({ added: () => ({ count: 2 }) }, state, { type })).toBe(state)
  },
)

test('a listener that throws keeps nothing from the others, and the next change comes', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  const { store, state, add } = openList()
  store.subscribe(() => {
    throw new Error('a listener')
  })
  const { shown, change, end } = watch(store)
  state('a')
  await change()
  add('b')
  await change()
  expect(shown.at(-1)).toEqual(['a', 'b'])
  expect(logged).toHaveBeenCalledWith('commitcast:', new Error('a listener'))
  logged.mockRestore()
  end()
})
