import type { Envelope } from '@commitcast/events'
import { expect, test, vi } from 'vitest'
import { follow } from './follow.ts'
import type { Callbacks } from './live-procedure.ts'

interface Placed {
  readonly epoch: number
  readonly partition: number
  readonly offset: number
}

type Sent = Envelope<Placed, string, { readonly type: 'typing'; readonly sender: string }>

/** A subscription that is answered from here, and what came of it. */
function openSubscription() {
  const inputs: unknown[] = []
  const seen: string[] = []
  let callbacks: Callbacks<Sent> | undefined
  const procedure = {
    subscribe(input: { readonly room: number }, given: Callbacks<Sent>) {
      inputs.push(input)
      callbacks = given
      return { unsubscribe: () => {} }
    },
  }
  const stop = follow<typeof procedure>(
    procedure,
    { room: 1 },
    {
      onState: (state) => seen.push(state),
      onEvent: ({ epoch, partition, offset }) => seen.push(`${epoch}/${partition}/${offset}`),
      onHint: ({ type, sender }) => seen.push(`${sender} is ${type}`),
      onResync: (reason) => seen.push(`resync: ${reason}`),
      onStatus: (status) => seen.push(status),
      onError: () => seen.push('error'),
    },
  )
  return {
    inputs,
    seen,
    stop,
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
  expect(inputs.at(-1)).toEqual({ room: 1, lastEventId: 'at~3' })
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
  expect(inputs).toEqual([{ room: 1 }, { room: 1, lastEventId: 'newer' }])
  stop()
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
  expect(inputs).toEqual([{ room: 1 }, { room: 1, lastEventId: 'cursor' }])
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
