import type { Envelope } from '@commitcast/events'
import { expect, test, vi } from 'vitest'
import { follow } from './follow.ts'
import type { Callbacks } from './live-procedure.ts'
import { withCursor } from './with-cursor.ts'

interface Placed {
  readonly epoch: number
  readonly partition: number
  readonly offset: number
}

type Sent = Envelope<Placed, string, { readonly type: 'typing'; readonly sender: string }>

/** A subscription that is answered from here, and what came of it. `spoil` is called by every callback. */
function openSubscription(spoil: (what: string) => void = () => {}) {
  const inputs: unknown[] = []
  const seen: string[] = []
  const note = (what: string) => {
    seen.push(what)
    spoil(what)
  }
  let unsubscribed = 0
  let callbacks: Callbacks<Sent> | undefined
  const procedure = {
    subscribe(input: { readonly room: number }, given: Callbacks<Sent>) {
      inputs.push(input)
      callbacks = given
      return { unsubscribe: () => void unsubscribed++ }
    },
  }
  const stop = follow<typeof procedure>(
    procedure,
    { room: 1 },
    {
      onState: (state) => note(state),
      onEvent: ({ epoch, partition, offset }) => note(`${epoch}/${partition}/${offset}`),
      onHint: ({ type, sender }) => note(`${sender} is ${type}`),
      onResync: (reason) => note(`resync: ${reason}`),
      onStatus: (status) => note(status),
      onError: (error) => note(`error ${(error as { code?: string }).code ?? ''}`.trim()),
      onFailure: (failure) => note(failure.code),
    },
  )
  return {
    inputs,
    seen,
    stop,
    unsubscribed: () => unsubscribed,
    callbacks: () => callbacks!,
    send: (data: Sent, id = 'cursor') => callbacks!.onData({ id, data }),
    event(epoch: number, partition: number, offset: number) {
      callbacks!.onData({ id: 'cursor', data: { kind: 'event', event: { epoch, partition, offset } } })
    },
  }
}

test('hints are handed over as they come, and their cursor is come back with', async () => {
  vi.useFakeTimers()
  const { inputs, seen, event, send, callbacks, stop } = openSubscription()
  event(1, 0, 1)
  for (const id of ['at~1', 'at~2']) send({ kind: 'hint', hint: { type: 'typing', sender: 'ann' } }, id)
  event(1, 0, 1)
  event(1, 0, 2)
  send({ kind: 'hint', hint: { type: 'typing', sender: 'bob' } }, 'at~3')
  expect(seen).toEqual(['connecting', '1/0/1', 'ann is typing', 'ann is typing', '1/0/2', 'bob is typing'])
  callbacks().onStopped()
  await vi.runAllTimersAsync()
  vi.useRealTimers()
  expect(inputs.at(-1)).toEqual({ room: 1, '~live': {}, lastEventId: 'at~3' })
  stop()
})

test('what comes again is dropped by its epoch, partition and offset', () => {
  const { seen, event, stop } = openSubscription()
  const places = [
    [1, 0, 4],
    [1, 1, 2],
    [1, 0, 4],
    [1, 0, 3],
    [1, 0, 5],
    [2, 0, 1],
    [1, 0, 6],
    [2, 0, 1],
    [2, 0, 2],
  ]
  for (const [epoch, partition, offset] of places) event(epoch!, partition!, offset!)
  expect(seen).toEqual(['connecting', '1/0/4', '1/1/2', '1/0/5', '2/0/1', '2/0/2'])
  stop()
})

test('after a resync, offsets that it had may come again', () => {
  const { seen, event, send, stop } = openSubscription()
  event(1, 0, 9)
  send({ kind: 'resync', reason: 'retention' })
  event(1, 0, 9)
  expect(seen).toEqual(['connecting', '1/0/9', 'resync: retention', '1/0/9'])
  stop()
})

test('kinds that only newer servers know are passed over, and their cursor is kept', async () => {
  vi.useFakeTimers()
  const { seen, send, inputs, callbacks, stop } = openSubscription()
  send({ kind: 'drain' } as unknown as Sent, 'newer')
  callbacks().onStopped()
  await vi.runAllTimersAsync()
  expect(seen).toEqual(['connecting', 'offline'])
  expect(inputs).toEqual([
    { room: 1, '~live': {} },
    { room: 1, '~live': {}, lastEventId: 'newer' },
  ])
  stop()
  vi.useRealTimers()
})

test('the pauses grow while no state is delivered, whatever else the server sends', async () => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(1)
  const { inputs, send, callbacks, stop } = openSubscription()
  const fail = async () => {
    send({ kind: 'checkpoint' }, 'opening')
    send({ kind: 'resync', reason: 'epoch' }, 'resync')
    callbacks().onError({ data: { code: 'INTERNAL_SERVER_ERROR' } })
    const before = Date.now()
    await vi.advanceTimersToNextTimerAsync()
    return Date.now() - before
  }
  expect([await fail(), await fail(), await fail(), await fail()]).toEqual([1_000, 2_000, 4_000, 8_000])
  send({ kind: 'state', state: 'state' })
  expect(await fail()).toBe(1_000)
  expect(inputs).toHaveLength(6)
  stop()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

test.each([
  ['the connection failed', undefined],
  ['the server is overloaded', 'TOO_MANY_REQUESTS'],
  ['its permission has expired', 'SERVICE_UNAVAILABLE'],
])('where %s it comes back once, with its cursor', async (_, code) => {
  vi.useFakeTimers()
  const { seen, send, inputs, callbacks, stop } = openSubscription()
  send({ kind: 'live' })
  callbacks().onError({ data: code && { code } })
  callbacks().onComplete()
  callbacks().onStopped()
  await vi.runAllTimersAsync()
  expect(seen).toEqual(['connecting', 'live', 'offline'])
  expect(inputs).toEqual([
    { room: 1, '~live': {} },
    { room: 1, '~live': {}, lastEventId: 'cursor' },
  ])
  stop()
  vi.useRealTimers()
})

test('a refusal is told and final', async () => {
  vi.useFakeTimers()
  const { seen, inputs, callbacks, stop } = openSubscription()
  callbacks().onError({ data: { code: 'FORBIDDEN' } })
  await vi.runAllTimersAsync()
  expect([seen, inputs.length]).toEqual([['connecting', 'refused', 'error'], 1])
  stop()
  vi.useRealTimers()
})

test('a client that was closed is offline and not opened again', async () => {
  vi.useFakeTimers()
  const { seen, inputs, callbacks, stop } = openSubscription()
  callbacks().onComplete()
  await vi.runAllTimersAsync()
  expect([seen, inputs.length]).toEqual([['connecting', 'offline'], 1])
  stop()
  vi.useRealTimers()
})

test('after its end nothing comes any more, and nothing comes back', async () => {
  vi.useFakeTimers()
  const { seen, inputs, event, callbacks, stop } = openSubscription()
  stop()
  event(1, 0, 1)
  callbacks().onError(new Error('cut'))
  callbacks().onStopped()
  callbacks().onComplete()
  await vi.runAllTimersAsync()
  expect([seen, inputs.length]).toEqual([['connecting'], 1])
  vi.useRealTimers()
})

test('a callback that throws is reported, and nothing else changes: no reconnect, and each event once', async () => {
  vi.useFakeTimers()
  const { seen, inputs, event, send, callbacks, stop } = openSubscription((what) => {
    if (what !== 'CALLBACK_FAILED') throw new Error(what)
  })
  callbacks().onStarted()
  send({ kind: 'state', state: 'first' })
  event(1, 0, 1)
  event(1, 0, 1)
  send({ kind: 'hint', hint: { type: 'typing', sender: 'ann' } })
  send({ kind: 'live' })
  event(1, 0, 2)
  await vi.runAllTimersAsync()
  expect(seen.filter((what) => what !== 'CALLBACK_FAILED')).toEqual([
    ...['connecting', 'catching up', 'first', '1/0/1', 'ann is typing', 'live', '1/0/2'],
  ])
  expect(seen.filter((what) => what === 'CALLBACK_FAILED')).toHaveLength(7)
  expect(inputs).toHaveLength(1)
  stop()
  vi.useRealTimers()
})

test('a failure that onFailure does not bear goes to the console', () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  const { event, stop } = openSubscription((what) => {
    throw new Error(what)
  })
  event(1, 0, 1)
  expect(logged.mock.calls.flat()).toContainEqual(new Error('CALLBACK_FAILED'))
  logged.mockRestore()
  stop()
})

test.each([
  ['without an id', { data: { kind: 'live' } }],
  ["as two copies of tRPC's server send one", ['cursor', { kind: 'live' }, null]],
  ['that is no envelope', { id: '7', data: { text: 'hello' } }],
  ['that is nothing', undefined],
])('a message %s ends it as refused, with the fix in the text, and nothing comes back', async (_, message) => {
  vi.useFakeTimers()
  const { seen, inputs, event, unsubscribed, callbacks, stop } = openSubscription()
  callbacks().onData(message as never)
  callbacks().onStopped()
  event(1, 0, 1)
  await vi.runAllTimersAsync()
  expect(seen).toEqual(['connecting', 'refused', 'error UNTRACKED_MESSAGE'])
  expect([inputs.length, unsubscribed()]).toEqual([1, 1])
  stop()
  vi.useRealTimers()
})

test('an event that can not be read is reported once, and the stream continues behind it', () => {
  const { seen, event, send, stop } = openSubscription()
  const unreadable = {
    id: 'e',
    type: 'noted',
    key: 'k',
    epoch: 1,
    partition: 0,
    offset: 2,
    tx: '1',
    code: 'UNREADABLE_EVENT',
  } as const
  event(1, 0, 1)
  for (const _ of [1, 2]) send({ kind: 'unreadable', event: unreadable })
  send({ kind: 'event', event: null as unknown as Placed })
  event(1, 0, 3)
  expect(seen).toEqual(['connecting', '1/0/1', 'UNREADABLE_EVENT', 'UNREADABLE_EVENT', '1/0/3'])
  stop()
})

test('what the transformer can not read is reported, and it comes back with its cursor', async () => {
  vi.useFakeTimers()
  const { seen, inputs, send, callbacks, stop } = openSubscription()
  send({ kind: 'live' })
  callbacks().onError(new Error('Unable to transform response from server'))
  await vi.runAllTimersAsync()
  expect(seen).toEqual(['connecting', 'live', 'UNREADABLE_EVENT', 'offline'])
  expect(inputs).toHaveLength(2)
  stop()
  vi.useRealTimers()
})

test('an input that can not be sent is refused', () => {
  const seen: unknown[] = []
  const error = new TypeError('Do not know how to serialize a BigInt')
  const procedure = {
    subscribe(_input: bigint, _callbacks: Callbacks<Sent>): { unsubscribe(): void } {
      throw error
    },
  }
  follow<typeof procedure>(procedure, 7n, {
    onStatus: (status) => seen.push(status),
    onError: (told) => seen.push(told),
  })
  expect(seen).toEqual(['connecting', 'refused', error])
})

test.each([
  [undefined, []],
  [null, [null]],
  ['all', ['all']],
  [[1, 2], [[1, 2]]],
  [new Date(7), [new Date(7)]],
  [new Map([['a', 1]]), [new Map([['a', 1]])]],
  [{ lastEventId: '42' }, [{ lastEventId: '42' }]],
])('an input that has no place for a cursor travels inside: %j', (input, args) => {
  expect(withCursor(input, undefined)).toEqual({ '~live': { args } })
  expect(withCursor(input, 'cursor')).toEqual({ '~live': { args }, lastEventId: 'cursor' })
})
