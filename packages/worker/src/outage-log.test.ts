import { expect, test } from 'vitest'
import { type Logger, silentLogger } from './logger.ts'
import { createOutageLog } from './outage-log.ts'

const away = (code: string) => Object.assign(new Error(code), { code })

function openLog() {
  const lines: string[] = []
  const say = (level: string) => ({
    value: ({ partition }: { partition?: number }, words: string) =>
      void lines.push([level, partition, words].filter((part) => part !== undefined).join(' ')),
  })
  const logger = Object.create(silentLogger, { info: say('info'), warn: say('warn') }) as Logger
  return { lines, log: createOutageLog({ logger, began: 'waits', ended: 'continues' }) }
}

test('an outage is one line at its beginning and one at its end, whatever its errors and however many tries', () => {
  const { lines, log } = openLog()
  for (const code of ['57P01', 'ECONNREFUSED', '57P03', 'ECONNREFUSED']) log.failed(away(code))
  log.ended()
  log.ended()
  log.failed(away('ECONNRESET'))
  log.ended()
  expect(lines).toEqual(['warn waits', 'info continues', 'warn waits', 'info continues'])
})

test('an outage that many partitions meet is one, and ends with the last of them', () => {
  const { lines, log } = openLog()
  for (const partition of [0, 1, 2, 3, 0, 1]) log.failed(away('ECONNREFUSED'), partition)
  for (const partition of [2, 0]) log.ended(partition)
  log.forget(3)
  expect(lines).toEqual(['warn 0 waits'])
  log.ended(1)
  expect(lines).toEqual(['warn 0 waits', 'info 1 continues'])
})

test('another kind of error has a line of its own, at each partition that meets it', () => {
  const { lines, log } = openLog()
  log.failed(away('ECONNREFUSED'), 0)
  for (const partition of [0, 1, 0, 1]) log.failed(away('DIVERGED'), partition)
  log.ended(0)
  log.ended(1)
  expect(lines).toEqual(['warn 0 waits', 'warn 0 waits', 'warn 1 waits', 'info 0 continues', 'info 1 continues'])
})

test('the lines of an outage have its code, unless the details say a nearer one', () => {
  const codes: unknown[] = []
  const note = (fields: object) => void codes.push((fields as { readonly code?: string }).code)
  const logger: Logger = { ...silentLogger, warn: note, error: note }
  const log = createOutageLog({ logger, code: 'PARTITION_WAITS', began: 'waits', ended: 'continues' })
  log.failed(away('DIVERGED'), 0)
  log.failed(away('NOT_VERIFIED'), 0, { code: 'NOT_VERIFIED' })
  log.halted(away('OTHER_APP'), 1)
  expect(codes).toEqual(['PARTITION_WAITS', 'NOT_VERIFIED', 'PARTITION_WAITS'])
})
