import { expect, test } from 'vitest'
import { createLag } from './lag.ts'
import { createConnection } from './page-connection.ts'

test('the status is the worst of all that is followed, and idle where nothing is', () => {
  const connection = createConnection()
  const [board, chat] = [connection.join(), connection.join()]
  expect(connection.current().status).toBe('idle')
  board.status('live')
  expect(connection.current().status).toBe('live')
  chat.status('offline')
  expect(connection.current().status).toBe('offline')
  chat.leave()
  expect(connection.current().status).toBe('live')
  board.leave()
  expect(connection.current().status).toBe('idle')
})

test('listeners hear of changes only, and of each resync', () => {
  const connection = createConnection()
  const board = connection.join()
  let calls = 0
  const end = connection.subscribe(() => calls++)
  board.status('live')
  board.status('live')
  connection.publish()
  expect(calls).toBe(1)
  board.resync()
  board.resync()
  expect([calls, connection.current().resyncs]).toEqual([3, 2])
  end()
  board.status('offline')
  expect(calls).toBe(3)
})

test.each([0, 3_600_000, -3_600_000])('lag is told against the fastest event, with clocks %i ms apart', (apart) => {
  let now = 0
  const lag = createLag(() => now)
  const arrive = (appendedAt: number, after: number) => {
    now = appendedAt + after + apart
    lag.note({ time: new Date(appendedAt).toISOString() })
    return lag.ms
  }
  expect(lag.ms).toBeUndefined()
  expect([arrive(1_000, 20), arrive(2_000, 5), arrive(3_000, 5), arrive(4_000, 905)]).toEqual([0, 0, 0, 900])
  lag.note({ time: 'no time' })
  expect(lag.ms).toBe(900)
})
