import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Logger, silentLogger } from './logger.ts'
import { createOutageLog } from './outage-log.ts'
import { createPartitionTask } from './partition-task.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function openTask() {
  const lines: string[] = []
  const say = (level: string) => ({
    value: ({ waitsFor }: { waitsFor?: string }, words: string) => void lines.push(`${level} ${waitsFor ?? words}`),
  })
  const logger = Object.create(silentLogger, { info: say('info'), warn: say('warn') }) as Logger
  const outages = createOutageLog({ logger, began: 'waits', ended: 'continues' })
  let progress = 0
  const held = () => new AbortController().signal
  const task = createPartitionTask({ partition: 3, outages, held, onProgress: () => void progress++ })
  const pass = (ms: number) => {
    vi.advanceTimersByTime(ms)
    task.look()
  }
  return { task, report: task.report, lines, pass, progress: () => progress }
}

test('work in hand that makes no progress for half a minute is trouble, says what it waits for, and is logged once', () => {
  const { task, report, lines, pass } = openTask()
  report.busy('project() with offsets 5 to 9')
  const since = Date.now()
  pass(29_000)
  expect(task.trouble).toBeUndefined()
  pass(31_000)
  pass(31_000)
  const message = 'Partition 3 has made no progress for 91 s: it waits for project() with offsets 5 to 9.'
  expect(task.trouble).toEqual({ code: 'PARTITION_STALLED', message, since })
  expect(lines).toEqual([`warn ${message.replace('91', '60')}`])
  report.progressed()
  expect(task.trouble).toBeUndefined()
  expect(lines.at(-1)).toBe('info continues')
})

test('with nothing in hand no time is too long', () => {
  const { task, report, lines, pass } = openTask()
  report.busy('the database')
  report.progressed()
  pass(3_600_000)
  report.busy('a lock')
  report.busy()
  pass(3_600_000)
  expect(task.trouble).toBeUndefined()
  expect(lines).toEqual([])
})

test('what it waits for is in the health at once, and in the log when it lasts', () => {
  const { task, report, lines, pass } = openTask()
  const since = Date.now()
  report.waits({ code: 'NOT_VERIFIED', message: 'No relay runs.' })
  expect(task.trouble).toEqual({ code: 'NOT_VERIFIED', message: 'No relay runs.', since })
  pass(10_000)
  report.waits({ code: 'NOT_VERIFIED', message: 'Still no relay runs.' })
  expect(lines).toEqual([])
  pass(21_000)
  expect(task.trouble).toEqual({ code: 'NOT_VERIFIED', message: 'Still no relay runs.', since })
  expect(lines).toEqual(['warn Still no relay runs.'])
  report.waits()
  expect(lines.at(-1)).toBe('info continues')
})

test('a failure lasts until there is progress, however long the next tries take', () => {
  const { task, report, lines, pass, progress } = openTask()
  const since = Date.now()
  for (let tries = 0; tries < 5; tries++) {
    report.busy('the database and the broker')
    pass(5_000)
    report.waits()
    task.failed(Object.assign(new Error('no such table'), { code: '42P01' }))
  }
  report.busy('the database and the broker')
  expect(task.trouble).toMatchObject({ code: '42P01', since: since + 5_000 })
  expect(progress()).toBe(0)
  expect(lines).toEqual(['warn no such table'])
  report.progressed()
  expect(task.trouble).toBeUndefined()
  expect(progress()).toBe(1)
})
