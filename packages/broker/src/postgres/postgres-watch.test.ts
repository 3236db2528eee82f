import pg from 'pg'
import { expect, test } from 'vitest'
import type { EarListener } from './postgres-ear.ts'
import { createWatch } from './postgres-watch.ts'

const topic = { name: 'shop-events', epoch: 1, partitions: 2 }

/** A watch that polls once in an hour, and what its ear hears. */
function openWatch() {
  const stopping = new AbortController()
  let listener: EarListener | undefined
  const ear = {
    on(given: EarListener) {
      listener = given
      return () => {}
    },
  }
  const { signal } = stopping
  const watch = createWatch({ pool: new pg.Pool(), schema: 'commitcast_broker', signal, pollMs: 3_600_000, ear })
  const hear = (partition: number, end: number) => listener?.hear(watch.word(topic, partition, end))
  return { watch, hear, reopen: () => listener?.onOpen?.(), stopping }
}

function isDone(promise: Promise<void>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(resolve, false))])
}

test('what is told while a reader asks, and its answer does not show yet, is not waited for', async () => {
  const { watch, hear, stopping } = openWatch()
  const reader = watch.enter(topic, 0, stopping.signal)
  hear(0, 5)
  expect(await isDone(reader.wait(4))).toBe(true)
  const waiting = reader.wait(5)
  expect(await isDone(waiting)).toBe(false)
  stopping.abort()
  await waiting
})

test('a reader is woken by what is told of its partition beyond its place, and by nothing else', async () => {
  const { watch, hear, stopping } = openWatch()
  const reader = watch.enter(topic, 0, stopping.signal)
  const waiting = reader.wait(5)
  hear(1, 9)
  hear(0, 5)
  expect(await isDone(waiting)).toBe(false)
  hear(0, 6)
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
