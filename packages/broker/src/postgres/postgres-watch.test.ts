import pg from 'pg'
import { expect, test } from 'vitest'
import type { Subscriber } from './postgres-notifications.ts'
import { createWatch } from './postgres-watch.ts'

const topic = { name: 'shop-events', epoch: 1, partitions: 2 }

/** A watch that polls once in an hour, and the notifications that it receives. */
function openWatch() {
  const stopping = new AbortController()
  let subscriber: Subscriber | undefined
  const notifications = {
    on(given: Subscriber) {
      subscriber = given
      return () => {}
    },
  }
  const { signal } = stopping
  const watch = createWatch({
    pool: new pg.Pool(),
    schema: 'commitcast_broker',
    signal,
    pollMs: 3_600_000,
    notifications,
  })
  const notify = (partition: number, end: number) => subscriber?.onNotify(watch.payload(topic, partition, end))
  return { watch, notify, reopen: () => subscriber?.onOpen?.(), stopping }
}

function isDone(promise: Promise<void>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(resolve, false))])
}

test('a notification that arrives while a reader asks, whose answer does not show it yet, is not waited for', async () => {
  const { watch, notify, stopping } = openWatch()
  const reader = watch.enter(topic, 0, stopping.signal)
  notify(0, 5)
  expect(await isDone(reader.wait(4))).toBe(true)
  const waiting = reader.wait(5)
  expect(await isDone(waiting)).toBe(false)
  stopping.abort()
  await waiting
})

test('a reader is woken by a notification of its partition beyond its offset, and by nothing else', async () => {
  const { watch, notify, stopping } = openWatch()
  const reader = watch.enter(topic, 0, stopping.signal)
  const waiting = reader.wait(5)
  notify(1, 9)
  notify(0, 5)
  expect(await isDone(waiting)).toBe(false)
  notify(0, 6)
  await waiting
  stopping.abort()
})

test('after the connection was lost every reader looks once more', async () => {
  const { watch, reopen, stopping } = openWatch()
  const reader = watch.enter(topic, 0, stopping.signal)
  reopen()
  expect(await isDone(reader.wait(5))).toBe(true)
  expect(await isDone(reader.wait(5))).toBe(false)
  stopping.abort()
})
