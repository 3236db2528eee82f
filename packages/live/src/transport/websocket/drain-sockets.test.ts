import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { drainSockets } from './drain-sockets.ts'
import type { MovableSocket } from './guarded-socket.ts'
import { createGuardedSocket } from './guarded-socket.ts'
import type { Socket } from './socket-server.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A hundred sockets, and when each was told what. */
function openSockets({ stays = false } = {}) {
  const told: { readonly name: number; readonly atMs: number; readonly what: string }[] = []
  const began = performance.now()
  const sockets = Array.from({ length: 100 }, (_, name) => {
    const note = (what: string) => told.push({ name, atMs: Math.round(performance.now() - began), what })
    const events = new EventEmitter()
    const socket = Object.assign(events, {
      OPEN: 1,
      CLOSED: 3,
      readyState: 1,
      send(text: string) {
        note(text)
        // As tRPC's client does once its new socket runs.
        if (!stays) setTimeout(() => socket.end(), 100)
      },
      close(code: number) {
        note(String(code))
      },
      terminate: () => socket.end(),
      end() {
        if (socket.readyState === 3) return
        socket.readyState = 3
        events.emit('close')
      },
    })
    return createGuardedSocket(socket as unknown as Socket, {
      maxSubscriptions: 2,
      reconnect: 'move',
      onRefused() {},
      onClosing() {},
    })
  })
  return { sockets, told }
}

async function drain(sockets: readonly MovableSocket[], options: Parameters<typeof drainSockets>[1]) {
  const draining = drainSockets(() => sockets, options)
  await vi.runAllTimersAsync()
  return draining
}

test('clients are told to move at a pace and in random order, each once', async () => {
  const { sockets, told } = openSockets()
  expect(await drain(sockets, { afterMs: 500, overMs: 2_000 })).toEqual({ notified: 100, closed: 0 })
  const names = told.map(({ name }) => name)
  expect([...names].sort((a, b) => a - b)).toEqual(sockets.map((_, name) => name))
  expect(names).not.toEqual(sockets.map((_, name) => name))
  for (const [index, { atMs }] of told.entries()) expect(Math.abs(atMs - 500 - index * 20)).toBeLessThan(5)
})

test('those who have not moved by the deadline are closed with 1012', async () => {
  const { sockets, told } = openSockets({ stays: true })
  expect(await drain(sockets, { overMs: 10, deadlineMs: 50 })).toEqual({ notified: 100, closed: 100 })
  expect(told.filter(({ what }) => what === '1012')).toHaveLength(100)
})

test('an aborted drain tells everybody at once and closes them', async () => {
  const { sockets, told } = openSockets({ stays: true })
  const signal = AbortSignal.abort()
  expect(await drain(sockets, { afterMs: 60_000, overMs: 60_000, deadlineMs: 60_000, signal })).toEqual({
    notified: 100,
    closed: 100,
  })
  expect(Math.max(...told.map(({ atMs }) => atMs))).toBeLessThan(100)
})

test('a socket counts as handed over before its client is told, which is done once', () => {
  const [guarded] = openSockets().sockets
  const told: boolean[] = []
  guarded!.socket.send = () => told.push(guarded!.isHandedOver)
  guarded!.handOver()
  guarded!.handOver()
  expect(told).toEqual([true])
})

test('a socket has places for so many subscriptions', () => {
  const [guarded] = openSockets().sockets
  const leave = guarded!.enter()
  guarded!.enter()
  expect(() => guarded!.enter()).toThrow(expect.objectContaining({ code: 'TOO_MANY_REQUESTS' }))
  leave()
  leave()
  guarded!.enter()
  expect(() => guarded!.enter()).toThrow('2 live subscriptions')
})
